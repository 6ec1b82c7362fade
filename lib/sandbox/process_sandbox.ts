import type { FunctionDefinition } from "../invocation/definition.ts";
import type { Failure, Outcome } from "../invocation/outcome.ts";
import type { Invocation, Publish, Sandbox } from "../invocation/sandbox.ts";
import { describeError } from "../errors.ts";
import { LOG_LEVELS, type Logger, type LogLevel } from "../log.ts";
import { sandboxCommand } from "./command.ts";
import { checkedOut, entryModule, type Sources } from "./entry.ts";
import { GuestProcess, LoadError } from "./guest_process.ts";
import type { FromGuest } from "./protocol.ts";

export interface ProcessSandboxOptions {
  definition: FunctionDefinition;
  sources: Sources;
  /** A folder of the runner's own, for sockets and copies of versions. */
  folder: string;
  configFile: string | undefined;
  log: Logger;
  publish: Publish;
  /** Milliseconds from the time limit until the process is killed. @default 1000 */
  grace?: number;
  /** Milliseconds for the module to load. @default 10_000 */
  loadTimeout?: number;
}

interface Running {
  readonly id: number;
  readonly invocation: Invocation;
  readonly settle: (outcome: Outcome) => void;
  /** When its time is up, on the monotonic clock. */
  deadline: number;
  aborted: boolean;
  /** The process that it was sent to; none while the module loads. */
  process: GuestProcess | undefined;
}

let sequence = 0;

/**
 * Runs a function in a process of its own. The process starts at the first
 * message and is replaced when it ends. At the time limit the handler's signal is
 * aborted; after the grace the process is killed, and what else ran in it runs
 * again in the next one.
 */
export class ProcessSandbox implements Sandbox {
  readonly #options: ProcessSandboxOptions;
  readonly #definition: FunctionDefinition;
  readonly #grace: number;
  /** In order of their deadlines: every invocation of a function has the same limit. */
  readonly #running = new Map<number, Running>();
  #process: Promise<GuestProcess> | undefined;
  /** The process that `#process` resolved to. */
  #current: GuestProcess | undefined;
  /** Processes that end for a handler that overran: its neighbours in them are innocent. */
  readonly #killed = new WeakSet<GuestProcess>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #nextId = 1;
  #closed = false;
  readonly #exits = new Set<Promise<void>>();

  constructor(options: ProcessSandboxOptions) {
    this.#options = options;
    this.#definition = options.definition;
    this.#grace = options.grace ?? 1000;
  }

  async warm(): Promise<void> {
    await (await this.#started()).loaded;
  }

  invoke(invocation: Invocation): Promise<Outcome> {
    if (this.#closed) return Promise.resolve({ kind: "abandoned", reason: "the sandbox is closed" });
    return new Promise((resolve) => {
      const id = this.#nextId++;
      const running = { id, invocation, settle: resolve, deadline: Infinity, aborted: false, process: undefined };
      this.#running.set(id, running);
      void this.#run(running);
    });
  }

  async abort(grace: number): Promise<void> {
    for (const { id, process } of this.#running.values()) process?.send(["abort", id, "the runner is stopping"]);
    const until = performance.now() + grace;
    while (this.#running.size > 0 && performance.now() < until) await new Promise((done) => setTimeout(done, 10));
    await this.close();
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    for (const id of [...this.#running.keys()]) {
      this.#settle(id, { kind: "abandoned", reason: "the runner stopped before the handler was done" });
    }
    (await this.#process?.catch(() => undefined))?.kill("the sandbox was closed");
    await Promise.all(this.#exits);
  }

  /** The limit counts from when the module is loaded: a slow start is not the handler's. */
  async #run(running: Running): Promise<void> {
    let process: GuestProcess;
    try {
      process = await this.#started();
      await process.loaded;
    } catch (error) {
      this.#settle(running.id, { kind: "abandoned", reason: loadReason(error) });
      return;
    }
    if (!this.#running.has(running.id)) return;
    const { timeout } = this.#definition;
    // Set again, to be last in the order of deadlines.
    this.#running.delete(running.id);
    this.#running.set(running.id, running);
    running.deadline = performance.now() + timeout;
    running.aborted = false;
    running.process = process;
    const { body, properties, headers, exchange, routingKey, redelivered, attempt } = running.invocation;
    const deadline = Date.now() + timeout;
    process.send(
      ["invoke", running.id, body, properties, headers, exchange, routingKey, redelivered, attempt, deadline],
    );
    this.#timer ??= setTimeout(() => this.#checkDeadlines(), timeout);
  }

  #started(): Promise<GuestProcess> {
    return this.#process ??= this.#start();
  }

  async #start(): Promise<GuestProcess> {
    const { definition, sources, folder, configFile } = this.#options;
    const id = ++sequence;
    const socket = `${folder}/${id}.sock`;
    const listener = Deno.listen({ transport: "unix", path: socket });
    const file = await checkedOut(definition.file, sources, `${folder}/${definition.version}`);
    const command = sandboxCommand(definition, { entry: entryModule(file, socket), socket, configFile });
    const { promise: exited, resolve: markExited } = Promise.withResolvers<void>();
    this.#exits.add(exited);
    const loadTimeout = this.#options.loadTimeout ?? 10_000;
    const process = new GuestProcess({ command, listener, loadTimeout }, {
      onMessage: (message) => this.#receive(process, message),
      onOutput: (stream, line) => this.#options.log.info(line, { stream }),
      onExit: (reason) => {
        Deno.remove(socket).catch(() => {});
        this.#exited(process, reason);
        this.#exits.delete(exited);
        markExited();
      },
    });
    this.#current = process;
    void process.loaded.catch(() => this.#forget(process));
    return process;
  }

  /** The next invocation starts another process. */
  #forget(process: GuestProcess): void {
    if (this.#current !== process) return;
    this.#current = undefined;
    this.#process = undefined;
  }

  /** Whoever ran in the process and was not to end with it has crashed. */
  #exited(process: GuestProcess, reason: string): void {
    this.#forget(process);
    const killed = this.#killed.has(process);
    const now = performance.now();
    for (const running of [...this.#running.values()]) {
      if (running.process !== process) continue;
      running.process = undefined;
      if (running.aborted && running.deadline <= now) {
        this.#settle(running.id, { kind: "timedOut", failure: this.#overran() });
      } else if (killed) {
        void this.#run(running);
      } else {
        const message = `the function's process ended while the handler ran: ${reason}`;
        this.#settle(running.id, { kind: "crashed", failure: { type: "Crash", message } });
      }
    }
    if (!killed && !this.#closed) this.#options.log.error("the function's process ended", { reason });
  }

  #checkDeadlines(): void {
    this.#timer = undefined;
    const now = performance.now();
    let next = Infinity;
    for (const running of this.#running.values()) {
      // Aborted first, whatever made this check late: that is what tells it from its neighbours.
      if (running.aborted && running.deadline + this.#grace <= now) {
        if (running.process) {
          this.#killed.add(running.process);
          running.process.kill("a handler overran its time limit");
        }
        return;
      }
      if (running.deadline <= now && !running.aborted) {
        running.aborted = true;
        const reason = `the time limit of ${this.#definition.timeout} ms is over`;
        running.process?.send(["abort", running.id, reason]);
      }
      next = Math.min(next, running.aborted ? running.deadline + this.#grace : running.deadline);
      if (!running.aborted) break;
    }
    if (next < Infinity) this.#timer = setTimeout(() => this.#checkDeadlines(), Math.max(1, next - now));
  }

  #overran(): Failure {
    return { type: "TimeoutError", message: `the handler did not settle within ${this.#definition.timeout} ms` };
  }

  #receive(process: GuestProcess, message: FromGuest): void {
    switch (message[0]) {
      case "result": {
        const running = this.#running.get(message[1]);
        if (!running) return;
        // A handler that its signal stopped did not fail: its time was over.
        if (running.aborted && message[2] !== "completed") {
          return this.#settle(running.id, { kind: "timedOut", failure: this.#overran() });
        }
        if (message[2] === "completed") return this.#settle(running.id, COMPLETED);
        const [, id, kind, failure, delay] = message;
        return this.#settle(id, kind === "failed" ? { kind, failure, delay } : { kind, failure });
      }
      case "log":
        return this.#log(message[1], message[2], message[3], message[4]);
      case "publish": {
        const [, , call, exchange, routingKey, body, properties, headers] = message;
        this.#options.publish({ exchange, routingKey, body, properties, headers }).then(
          () => process.send(["published", call, null]),
          (error) => process.send(["published", call, describeError(error)]),
        );
        return;
      }
    }
    process.kill(`it sent something that is no message of the protocol`);
  }

  #log(id: number, level: string, message: string, fields: Record<string, unknown> | undefined): void {
    const known = LOG_LEVELS.includes(level as LogLevel) ? level as LogLevel : "info";
    const { properties, attempt } = this.#running.get(id)?.invocation ?? {};
    this.#options.log.log(known, message, { ...fields, messageId: properties?.messageId, attempt });
  }

  #settle(id: number, outcome: Outcome): void {
    const running = this.#running.get(id);
    this.#running.delete(id);
    running?.settle(outcome);
  }
}

const COMPLETED: Outcome = { kind: "completed" };

function loadReason(error: unknown): string {
  return error instanceof LoadError ? `the module could not be loaded: ${error.message}` : describeError(error);
}
