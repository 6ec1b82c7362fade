import { pathToFileURL } from "node:url";
import { WarrenError } from "../../base/errors.ts";
import { Holding } from "../../base/time/holding.ts";
import type { FunctionDefinition } from "../../invocation/definition/definition.ts";
import type { Observer } from "../../invocation/insight/ended.ts";
import type { OnceKeeping } from "../../invocation/once_store.ts";
import { type InputSchema, readInputSchema } from "../../invocation/content/input_schema.ts";
import type { Failure, Outcome } from "../../invocation/outcome.ts";
import type { Publication } from "../../invocation/publication.ts";
import type { Content, Invocation, OnEnd, Sandbox } from "../../invocation/sandbox.ts";
import { type Logger, toLogLevel } from "../../base/log.ts";
import { endsWithin, valueWithin } from "../../base/time/within.ts";
import { logFields } from "../wire/log_fields.ts";
import { CANCELLED, CLOSED, STOPPED, timedOut } from "../limits/endings.ts";
import { checkedOut, isSame, type Sources } from "../process/entry.ts";
import { inputSchemaText } from "./input_schema_text.ts";
import { loadError } from "./load_error.ts";
import { runBatchInSpan, runInSpan } from "./handler_span.ts";
import { BatchContext, type ContextHost, InvocationContext, type Logging } from "./invocation_context.ts";
import { OnceCalls } from "../host/once_calls.ts";
import type { OnceLine } from "./once_effects.ts";
import { type Loaded, toLoaded } from "./loaded.ts";
import { Progress } from "./progress.ts";
import type { Settled } from "./run_batch.ts";
import { RunningMap } from "./running.ts";
import { check, type HandlerResult } from "./run_handler.ts";

/** The contents of modules that inline functions import, as this process first imported them. */
const imported = new Map<string, string | Uint8Array>();

/** Whether no imported module has changed since its first import: Deno would return the old one again. */
function firstOfTheirNames(file: string, sources: Sources): boolean {
  const helpers = [...sources].filter(([path]) => path !== file);
  if (helpers.some(([path, text]) => !isSame(text, imported.get(path) ?? text))) return false;
  for (const [path, text] of helpers) imported.set(path, text);
  return true;
}
/** Versions that did not load. Under the same file names Deno would return the same error for ever. */
const failed = new Set<string>();
let copies = 0;

export interface InlineSandboxOptions {
  definition: FunctionDefinition;
  sources: Sources;
  /** A folder of the runner's own, for copies of versions. */
  folder: string;
  log: Logger;
  /** Milliseconds from the time limit until the invocation counts as over. @default 1000 */
  grace?: number;
  /** Milliseconds for the module to load, and for the check of a message. @default 10_000 */
  loadTimeout?: number;
  /** @default none: calls of `once()` fail with an error */
  once?: OnceKeeping;
  /** Gives the module's exports. @default imports the function's file */
  load?: () => Promise<Record<string, unknown>>;
  /** Gets log lines. */
  observer?: Observer;
}

interface Running {
  readonly id: number;
  readonly invocations: readonly Invocation[];
  /** What the handler has of them, numbered from `first` on. */
  seen: readonly Invocation[];
  first: number;
  readonly context: InvocationContext;
  readonly onEnd: OnEnd<unknown>;
  readonly subject: unknown;
  /** Milliseconds since the epoch. */
  readonly deadline: number;
  /** See `Held`. */
  dueAt: number;
  overran: boolean;
}

/**
 * Runs a trusted function in the runner's own process. Nothing is between the two: it may do what the runner may, its
 * endless loop is the runner's, and a handler that does not stop at its time limit goes on unseen.
 */
export class InlineSandbox implements Sandbox, ContextHost {
  readonly #options: InlineSandboxOptions;
  readonly #running = new RunningMap<Running>();
  readonly #limits: Holding<Running>;
  /** Invocations whose signal was aborted at their time limit. */
  readonly #graces: Holding<Running>;
  readonly #once: OnceCalls;
  readonly #progress = new Progress((id, text) => this.#progressed(id, text));
  /** They were cancelled, so they do not begin. */
  readonly #cancelled = new WeakSet<Invocation>();
  /** Somebody followed them before they began. */
  #followed: WeakSet<Invocation> | undefined;
  #nextId = 1;
  #loading: Promise<Loaded> | undefined;
  #module: Loaded | undefined;
  #inputSchema: InputSchema | undefined;
  #closed = false;

  constructor(options: InlineSandboxOptions) {
    this.#options = options;
    const { definition: { name, timeout }, once, log, grace = 1000 } = options;
    this.#once = new OnceCalls({ keeping: once, scope: name, log });
    this.#limits = new Holding({ patience: timeout, onOverdue: (running) => this.#overdue(running) });
    this.#graces = new Holding({ patience: grace, onOverdue: (running) => this.#end(running, timedOut(timeout)) });
  }

  get name(): string {
    return this.#options.definition.name;
  }

  get processes(): number {
    return 0;
  }

  get inputSchema(): InputSchema | undefined {
    return this.#inputSchema;
  }

  async warm(): Promise<void> {
    await this.#loaded().catch((error) => Promise.reject(loadError(error)));
  }

  async validate(content: Content): Promise<Failure | undefined> {
    const checking = this.#loaded().then((loaded) => check(content, loaded));
    return await valueWithin(this.#loadTimeout, checking, () => {
      return new WarrenError("unavailable", "the function did not look at the message in time");
    });
  }

  invoke<S>(invocation: Invocation, onEnd: OnEnd<S>, subject: S): void {
    if (this.#module && !this.#closed) this.#invokeIn(this.#module, invocation, onEnd as OnEnd<unknown>, subject);
    else void this.#invokeOnce(invocation, onEnd as OnEnd<unknown>, subject);
  }

  async #invokeOnce(invocation: Invocation, onEnd: OnEnd<unknown>, subject: unknown): Promise<void> {
    const loaded = await this.#ready();
    if ("kind" in loaded) onEnd(loaded, subject);
    else if (this.#cancelled.has(invocation)) onEnd(CANCELLED, subject);
    else this.#invokeIn(loaded, invocation, onEnd, subject);
  }

  #invokeIn(loaded: Loaded, invocation: Invocation, onEnd: OnEnd<unknown>, subject: unknown): void {
    const running = this.#begin([invocation], onEnd, subject);
    if (this.#followed) this.#followBegun(running);
    const { context } = running;
    runInSpan(loaded, invocation, context, (result) => {
      this.#end(running, this.#outcome(running, result, context.outputs));
    });
  }

  async invokeBatch(batch: readonly Invocation[]): Promise<Outcome[]> {
    const loaded = await this.#ready();
    if ("kind" in loaded) return batch.map(() => loaded);
    if (batch.every((invocation) => this.#cancelled.has(invocation))) return batch.map(() => CANCELLED);
    const settled = batch.map(() => Promise.withResolvers<Outcome>());
    const running = this.#begin(batch, (outcome) => settled.forEach(({ resolve }) => resolve(outcome)));
    const first = running.first = this.#nextId;
    this.#nextId += batch.length;
    const started = batch.map((invocation, index) => {
      return { ...invocation, id: first + index, batch: 1, deadline: running.deadline };
    });
    running.seen = started;
    if (this.#followed) this.#followBegun(running);
    const context = new BatchContext(running.context);
    const lineFor = () => this.#line(running);
    const onSettled = ({ id, result, outputs }: Settled) => {
      this.#progress.end(id);
      settled[id - first].resolve(this.#outcome(running, result, outputs));
    };
    const progress = (id: number, text: string) => this.progress(id, text);
    void runBatchInSpan(loaded, started, context, lineFor, onSettled, progress).then(() => this.#end(running));
    return await Promise.all(settled.map(({ promise }) => promise));
  }

  follow(invocation: Invocation): void {
    (this.#followed ??= new WeakSet()).add(invocation);
    for (const running of this.#running.values()) {
      const at = running.invocations.indexOf(invocation);
      if (at < 0) continue;
      running.seen[at].wantsResult = true;
      this.#progress.follow(running.first + at);
    }
  }

  #followBegun({ invocations }: Running): void {
    for (const invocation of invocations) if (this.#followed?.has(invocation)) this.follow(invocation);
  }

  progress(id: number, text: string): void {
    if (this.#runningOf(id)) this.#progress.report(id, text);
  }

  #progressed(id: number, text: string): void {
    const running = this.#runningOf(id);
    const { observer, definition } = this.#options;
    if (running) observer?.progressed?.(definition, running.invocations[id - running.first], JSON.parse(text));
  }

  /** By the number of an invocation, which may be one of a batch. */
  #runningOf(id: number): Running | undefined {
    const alone = this.#running.get(id);
    if (alone) return alone;
    return [...this.#running.values()].find(({ first, seen }) => id >= first && id < first + seen.length);
  }

  cancel(invocations: readonly Invocation[], reason: string): void {
    for (const invocation of invocations) this.#cancelled.add(invocation);
    for (const { id, invocations: own, context } of this.#running.values()) {
      if (!own.some((invocation) => invocations.includes(invocation))) continue;
      this.#once.over(id);
      context.abort(new DOMException(reason, "AbortError"));
    }
  }

  async abort(grace: number): Promise<void> {
    for (const { id, context } of this.#running.values()) {
      this.#once.over(id);
      context.abort(new DOMException("the runner is stopping", "AbortError"));
    }
    await endsWithin(grace, this.#running.idle());
    await this.close();
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const running of [...this.#running.values()]) this.#end(running, STOPPED);
    await this.#once.settled();
  }

  /** The loaded function, or the reason why nothing can run. */
  async #ready(): Promise<Loaded | Outcome> {
    if (this.#closed) return CLOSED;
    try {
      const loaded = await this.#loaded();
      return this.#closed ? CLOSED : loaded;
    } catch (error) {
      return { kind: "abandoned", reason: loadError(error).message };
    }
  }

  async #loaded(): Promise<Loaded> {
    try {
      this.#loading ??= this.#load();
      return this.#module = await this.#loading;
    } catch (error) {
      this.#loading = undefined;
      throw error;
    }
  }

  get #loadTimeout(): number {
    return this.#options.loadTimeout ?? 10_000;
  }

  /**
   * Each version by a name of its own: a module that was imported once is never read again. A version that did not load
   * is copied for the next try, so that its own modules have new names as well.
   */
  async #load(): Promise<Loaded> {
    const { definition, sources, folder } = this.#options;
    const { name, file, version, envelope, body } = definition;
    if (this.#options.load) return toLoaded(await this.#options.load(), { name, envelope, body });
    const id = `${file}?version=${version}`;
    const again = failed.has(id);
    const copy = again || !firstOfTheirNames(file, sources);
    const { file: place } = await checkedOut(file, sources, `${folder}/${version}${again ? `.${++copies}` : ""}`, {
      copy,
    });
    try {
      const loading = import(`${pathToFileURL(place).href}?version=${version}`);
      const seconds = this.#loadTimeout / 1000;
      const module = await valueWithin(this.#loadTimeout, loading, () => {
        return new WarrenError("function", `it did not finish loading within ${seconds} s`);
      });
      const loaded = toLoaded(module, { name, envelope, body });
      const schema = inputSchemaText(loaded.input);
      if (schema !== undefined) this.#inputSchema = readInputSchema(schema);
      return loaded;
    } catch (error) {
      failed.add(id);
      throw error;
    }
  }

  /** Its time limit starts here. */
  #begin(invocations: readonly Invocation[], onEnd: OnEnd<unknown>, subject?: unknown): Running {
    const deadline = Date.now() + this.#options.definition.timeout;
    const id = this.#nextId++;
    const context = new InvocationContext(this, id, invocations[0], deadline);
    const running: Running = {
      id,
      invocations,
      seen: invocations,
      first: id,
      context,
      onEnd,
      subject,
      deadline,
      dueAt: 0,
      overran: false,
    };
    this.#running.set(id, running);
    this.#limits.add(running);
    return running;
  }

  #overdue(running: Running): void {
    const { definition: { timeout } } = this.#options;
    running.overran = true;
    this.#once.over(running.id);
    this.#graces.add(running);
    running.context.abort(new DOMException(`the time limit of ${timeout} ms is over`, "AbortError"));
  }

  #outcome({ overran }: Running, result: HandlerResult, outputs: readonly Publication[]): Outcome {
    if (result.kind === "completed") return { ...result, outputs };
    return overran ? timedOut(this.#options.definition.timeout) : result;
  }

  /** Has no effect on invocations that are settled already. */
  #end(running: Running, outcome?: Outcome): void {
    this.#limits.delete(running);
    if (running.overran) this.#graces.delete(running);
    this.#once.over(running.id);
    this.#progress.end(running.id);
    if (this.#running.delete(running.id) && outcome) running.onEnd(outcome, running.subject);
  }

  /** The sandbox never releases these keys: an effect that exceeded its time may still run. */
  #line(running: Running): OnceLine {
    const { id, deadline } = running;
    return {
      claim: async (key) => {
        const call = this.#nextId++;
        const lease = Math.max(0, deadline - Date.now()) + (this.#options.grace ?? 1000);
        const answer = this.#running.has(id) ? await this.#once.claim({ id, call, key, lease }) : undefined;
        return { call, answer: answer ?? TOO_LATE };
      },
      done: (call, value) => this.#once.done(call, value),
      failed: (call) => void this.#once.failed(call),
    };
  }

  log({ id, invocation }: Logging, level: string, text: string, fields: Record<string, unknown> | undefined): void {
    const { log, definition, observer } = this.#options;
    const { batch } = definition;
    // In a batch only the handler knows which message a line belongs to.
    log.log(toLogLevel(level), text, { ...fields, ...(batch ? {} : logFields(invocation)) });
    const { invocations = [] } = this.#running.get(id) ?? {};
    observer?.logged?.({ definition, invocations, level: toLogLevel(level), message: text, fields });
  }

  /** Its calls are answered while the invocation runs. */
  once(id: number): OnceLine {
    const running = this.#running.get(id);
    return running ? this.#line(running) : OVER;
  }
}

const TOO_LATE = { kind: "error", message: "the invocation is over" } as const;
const OVER: OnceLine = {
  claim: () => Promise.resolve({ call: 0, answer: TOO_LATE }),
  done: () => Promise.resolve(TOO_LATE),
  failed: () => {},
};
