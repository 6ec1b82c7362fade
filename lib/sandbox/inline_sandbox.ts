import { pathToFileURL } from "node:url";
import { describeError } from "../errors.ts";
import type { FunctionDefinition } from "../invocation/definition.ts";
import type { Outcome } from "../invocation/outcome.ts";
import type { Invocation, Publish, Sandbox } from "../invocation/sandbox.ts";
import { LOG_LEVELS, type Logger, type LogLevel } from "../log.ts";
import type { Handler } from "../mod.ts";
import { checkedOut, type Sources } from "./entry.ts";
import { InvocationContext } from "./invocation_context.ts";
import { runHandler } from "./run_handler.ts";

export interface InlineSandboxOptions {
  definition: FunctionDefinition;
  sources: Sources;
  /** A folder of the runner's own, for copies of versions. */
  folder: string;
  log: Logger;
  publish: Publish;
  /** Milliseconds from the time limit until the invocation counts as over. @default 1000 */
  grace?: number;
}

interface Running {
  readonly context: InvocationContext;
  readonly settle: (outcome: Outcome) => void;
}

/**
 * Runs a trusted function in the runner's own process. Nothing is between the two: it may do what the runner may, its
 * endless loop is the runner's, and a handler that does not stop at its time limit goes on unseen.
 */
export class InlineSandbox implements Sandbox {
  readonly #options: InlineSandboxOptions;
  readonly #running = new Set<Running>();
  #loading: Promise<Handler> | undefined;
  #closed = false;

  constructor(options: InlineSandboxOptions) {
    this.#options = options;
  }

  get processes(): number {
    return 0;
  }

  async warm(): Promise<void> {
    await this.#handler();
  }

  async invoke(invocation: Invocation): Promise<Outcome> {
    if (this.#closed) return { kind: "abandoned", reason: "the sandbox is closed" };
    let handler: Handler;
    try {
      handler = await this.#handler();
    } catch (error) {
      return { kind: "abandoned", reason: `the module could not be loaded: ${describeError(error)}` };
    }
    if (this.#closed) return { kind: "abandoned", reason: "the sandbox is closed" };
    return await new Promise((settle) => void this.#run(handler, invocation, settle));
  }

  async abort(grace: number): Promise<void> {
    for (const { context } of this.#running) context.abort(new DOMException("the runner is stopping", "AbortError"));
    const until = performance.now() + grace;
    while (this.#running.size > 0 && performance.now() < until) await new Promise((done) => setTimeout(done, 10));
    await this.close();
  }

  close(): Promise<void> {
    this.#closed = true;
    const reason = "the runner stopped before the handler was done";
    for (const { settle } of this.#running) settle({ kind: "abandoned", reason });
    this.#running.clear();
    return Promise.resolve();
  }

  #handler(): Promise<Handler> {
    this.#loading ??= this.#load();
    this.#loading.catch(() => this.#loading = undefined);
    return this.#loading;
  }

  /** Each version by a name of its own: a module that was imported once is never read again. */
  async #load(): Promise<Handler> {
    const { definition: { file, version }, sources, folder } = this.#options;
    const copy = await checkedOut(file, sources, `${folder}/${version}`);
    const module = await import(`${pathToFileURL(copy).href}?version=${version}`);
    if (typeof module.default === "function") return module.default;
    throw new TypeError(`the default export is ${typeof module.default}, expected a function`);
  }

  async #run(handler: Handler, invocation: Invocation, settle: (outcome: Outcome) => void): Promise<void> {
    const { definition: { timeout }, grace = 1000 } = this.#options;
    const context = this.#context(invocation, Date.now() + timeout);
    const running: Running = { context, settle };
    this.#running.add(running);
    const failure = { type: "TimeoutError", message: `the handler did not settle within ${timeout} ms` };
    let overran = false;
    let limit = setTimeout(() => {
      overran = true;
      context.abort(new DOMException(`the time limit of ${timeout} ms is over`, "AbortError"));
      limit = setTimeout(() => this.#settle(running, { kind: "timedOut", failure }), grace);
    }, timeout);
    const result = await runHandler(handler, invocation, context);
    clearTimeout(limit);
    this.#settle(running, overran && result.kind !== "completed" ? { kind: "timedOut", failure } : result);
  }

  #settle(running: Running, outcome: Outcome): void {
    if (this.#running.delete(running)) running.settle(outcome);
  }

  #context(invocation: Invocation, deadline: number): InvocationContext {
    const { log, publish } = this.#options;
    const { attempt, properties: { messageId } } = invocation;
    return new InvocationContext(
      {
        log: (level, text, fields) => {
          const known = LOG_LEVELS.includes(level as LogLevel) ? level as LogLevel : "info";
          log.log(known, text, { ...fields, messageId, attempt });
        },
        publish,
      },
      attempt,
      deadline,
    );
  }
}
