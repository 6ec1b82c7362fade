import type { FunctionDefinition } from "../../invocation/definition/definition.ts";
import type { Resolution } from "../../invocation/definition/resolution.ts";
import type { InputSchema } from "../../invocation/content/input_schema.ts";
import type { Failure, Outcome } from "../../invocation/outcome.ts";
import type { Content, Invocation, OnEnd, Sandbox } from "../../invocation/sandbox.ts";
import { describeError, WarrenError } from "../../base/errors.ts";
import type { Observer } from "../../invocation/insight/ended.ts";
import type { OnceKeeping } from "../../invocation/once_store.ts";
import type { Logger } from "../../base/log.ts";
import { endsWithin } from "../../base/time/within.ts";
import { sandboxCommand } from "./command.ts";
import { CANCELLED, CLOSED, STOPPED, timedOut } from "../limits/endings.ts";
import { checkedOut, entryModule, type Sources } from "./entry.ts";
import type { CheckedFromGuest } from "./from_guest.ts";
import { GuestProcess } from "./guest_process.ts";
import type { MemoryWatch } from "../limits/memory_watch.ts";
import { ProcessLog } from "./process_log.ts";
import { OnceCalls } from "./once_calls.ts";
import { type Member, Pool } from "./pool.ts";
import type { FromGuest } from "../wire/protocol.ts";
import type { Reaper } from "../limits/reaper.ts";
import { RunningMap } from "../handler/running.ts";
import { type Timed, TimeLimits } from "../limits/time_limits.ts";
import { UngrantedVariables } from "../guest/ungranted_variables.ts";
import { isTraced } from "./tracing_variables.ts";
import { Validations } from "./validations.ts";

export interface ProcessSandboxOptions {
  definition: FunctionDefinition;
  sources: Sources;
  /** A folder of the runner, for sockets and copies of versions. */
  folder: string;
  /** How its imports are resolved. */
  resolution: Resolution | undefined;
  /** The socket of a PermissionBroker, which then decides about permissions. @default none */
  permissionBroker?: string;
  log: Logger;
  /** Milliseconds from the time limit until the process is killed. @default 1000 */
  grace?: number;
  /** Milliseconds for the module to load. @default 10_000 */
  loadTimeout?: number;
  /** Milliseconds for the check of a message, including the start of a process. @default 10_000 */
  validationLimit?: number;
  /** Shared by all sandboxes of a runner. @default memory is not watched */
  memoryWatch?: MemoryWatch;
  reaper?: Reaper;
  /** @default none: calls of `once()` fail with an error */
  once?: OnceKeeping;
  /** Gets cold starts and log lines. */
  observer?: Observer;
}

interface Running extends Timed {
  readonly invocation: Invocation;
  /** Invocations with the same number run as a batch. 0 means alone. A batch that runs again gets a new number. */
  batch: number;
  readonly onEnd: OnEnd<unknown>;
  readonly subject: unknown;
  /** Milliseconds since the epoch. When its time is over, as its process sees it. */
  endsAt: number;
  /** It ended together with others and now runs alone, so a crash is its own fault. */
  alone: boolean;
  /** Its signal was aborted early, since nobody waits for it any more. */
  cancelled: boolean;
  /** Somebody follows its message. */
  followed: boolean;
  /** Its own place in the pool, if it has one. */
  member: Member | undefined;
  /** Gives back the place that it shares, or that is outside of the pool. */
  leave: (() => void) | undefined;
}

/** Messages that wait for a process to read them. */
const MAX_UNSENT = 100_000;

/** Milliseconds that processes have at the end to send their spans, if tracing is on. */
const EXPORT_LIMIT = 2_000;

let sequence = 0;

/**
 * Runs a function in processes of its own: see pool.ts. At the time limit the handler's signal is aborted; after the
 * grace its process is killed. The time of one that waits for others which keep the process busy counts from when it
 * begins. What else ran in a process that ended is innocent, or cannot be told from the guilty:
 * the former runs again as it was, the latter one by one, each in a process where nothing else runs.
 */
export class ProcessSandbox implements Sandbox {
  readonly #options: ProcessSandboxOptions;
  readonly #definition: FunctionDefinition;
  readonly #grace: number;
  readonly #pool: Pool;
  readonly #running = new RunningMap<Running>();
  /** Processes that are killed because a handler exceeded its time limit. */
  readonly #overrun = new WeakSet<GuestProcess>();
  readonly #validations: Validations;
  readonly #suspects: Running[] = [];
  #trying = false;
  readonly #limits: TimeLimits;
  readonly #ungranted: UngrantedVariables;
  readonly #log: ProcessLog;
  #nextId = 1;
  #stopping = false;
  #closed = false;
  readonly #exits = new Map<GuestProcess, Promise<void>>();
  #inputSchema: InputSchema | undefined;

  constructor(options: ProcessSandboxOptions) {
    this.#options = options;
    this.#definition = options.definition;
    this.#grace = options.grace ?? 1000;
    this.#validations = new Validations({ limit: options.validationLimit, grace: this.#grace });
    const { instances, idle, timeout, concurrency } = this.#definition;
    this.#limits = new TimeLimits(this.#running, {
      timeout,
      grace: this.#grace,
      concurrency,
      onOverdue: (process, id) => this.#overdue(process, id),
      onOverrun: (process) => this.#overrunBy(process),
    });
    this.#ungranted = new UngrantedVariables(options);
    this.#log = new ProcessLog({ ...options, ofBatch: (batch) => this.#ofBatch(batch) });
    this.#pool = new Pool({ instances, idle, log: options.log, start: () => this.#start() });
  }

  get processes(): number {
    return this.#exits.size;
  }

  get inputSchema(): InputSchema | undefined {
    return this.#inputSchema;
  }

  async warm(): Promise<void> {
    const member = this.#pool.take();
    try {
      await (await member.started).loaded;
    } finally {
      this.#pool.give(member);
    }
  }

  async validate(content: Content): Promise<Failure | undefined> {
    if (this.#closed) throw new WarrenError("unavailable", "the sandbox is closed");
    const member = this.#pool.take();
    try {
      return await this.#validations.ask(member.started, content);
    } finally {
      this.#pool.give(member);
    }
  }

  invoke<S>(invocation: Invocation, onEnd: OnEnd<S>, subject: S): void {
    if (this.#closed) return queueMicrotask(() => onEnd(CLOSED, subject));
    this.#run(this.#enter(invocation, 0, onEnd as OnEnd<unknown>, subject));
  }

  async invokeBatch(batch: readonly Invocation[]): Promise<Outcome[]> {
    if (this.#closed) return batch.map(() => CLOSED);
    const number = this.#nextId++;
    const member = this.#pool.take();
    let left = batch.length;
    const leave = () => --left === 0 ? this.#pool.give(member) : undefined;
    return await Promise.all(batch.map((invocation) =>
      new Promise<Outcome>((settle) => {
        const running = this.#enter(invocation, number, settle, undefined);
        running.leave = leave;
        this.#runIn(running, member.started, member.process);
      })
    ));
  }

  #enter(invocation: Invocation, batch: number, onEnd: OnEnd<unknown>, subject: unknown): Running {
    const id = this.#nextId++;
    const running: Running = {
      id,
      invocation,
      batch,
      onEnd,
      subject,
      endsAt: 0,
      deadline: Infinity,
      killAt: undefined,
      late: 0,
      process: undefined,
      alone: false,
      cancelled: false,
      followed: false,
      member: undefined,
      leave: undefined,
    };
    this.#running.set(id, running);
    return running;
  }

  cancel(invocations: readonly Invocation[], reason: string): void {
    const wanted = new Set(invocations);
    for (const running of [...this.#running.values()]) {
      if (!wanted.has(running.invocation)) continue;
      const { id, process } = running;
      running.cancelled = true;
      if (!process) this.#settle(id, CANCELLED);
      process?.once?.over(id);
      process?.send(["abort", id, reason]);
    }
  }

  async abort(grace: number): Promise<void> {
    this.#stopping = true;
    for (const { id, process } of this.#running.values()) {
      process?.once?.over(id);
      process?.send(["abort", id, "the runner is stopping"]);
    }
    await endsWithin(grace, this.#running.idle());
    await this.close();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#limits.stop();
    this.#validations.close();
    for (const id of [...this.#running.keys()]) this.#settle(id, STOPPED);
    await this.#pool.close();
    if (isTraced({ OTEL_DENO: Deno.env.get("OTEL_DENO") })) await this.#exportSpans();
    for (const process of this.#exits.keys()) process.kill("the sandbox was closed");
    await Promise.all(this.#exits.values());
  }

  /** A process that ends by itself sends the spans that it still has. */
  async #exportSpans(): Promise<void> {
    for (const process of this.#exits.keys()) process.retire();
    await endsWithin(EXPORT_LIMIT, Promise.all(this.#exits.values()));
  }

  /** Starts it in a process of the pool, together with others. */
  #run(running: Running): void {
    const member = running.member = this.#pool.take();
    this.#runIn(running, member.started, member.process);
  }

  /** Starts it at once if a process has loaded the module, which is the usual case. */
  #runIn(running: Running, started: Promise<GuestProcess>, process?: GuestProcess): void {
    if (process?.ready) this.#begin(running, process);
    else void this.#runOnce(running, started);
  }

  async #runOnce(running: Running, started: Promise<GuestProcess>): Promise<void> {
    let process: GuestProcess;
    try {
      process = await started;
      await process.loaded;
    } catch (error) {
      return this.#settle(running.id, { kind: "abandoned", reason: describeError(error) });
    }
    if (this.#running.has(running.id)) this.#begin(running, process);
  }

  /** The time limit starts when the module is loaded: a slow start is not the handler's fault. */
  #begin(running: Running, process: GuestProcess): void {
    this.#limits.begin(running);
    running.endsAt = Date.now() + this.#definition.timeout;
    running.process = process;
    process.running++;
    process.invoke(running);
    if (running.followed) process.send(["follow", running.id]);
  }

  follow(invocation: Invocation): void {
    for (const running of this.#running.values()) {
      if (running.invocation !== invocation) continue;
      running.followed = true;
      running.process?.send(["follow", running.id]);
    }
  }

  #progressed(process: GuestProcess, id: number, text: string): void {
    const running = this.#running.get(id);
    if (!running?.followed || running.process !== process) return;
    const { observer, definition } = this.#options;
    observer?.progressed?.(definition, running.invocation, readProgress(text));
  }

  async #start(): Promise<GuestProcess> {
    const { definition, sources, folder, permissionBroker, memoryWatch, reaper, observer } = this.#options;
    const socket = `${folder}/${++sequence}.sock`;
    const { file, links, resolution } = await checkedOut(
      definition.file,
      sources,
      `${folder}/${definition.version}`,
      { resolution: this.#options.resolution },
    );
    if (this.#closed) throw new Error("the sandbox is closed");
    const entry = entryModule(file, socket, definition);
    const command = sandboxCommand(definition, { entry, socket, links, resolution, permissionBroker });
    const listener = Deno.listen({ transport: "unix", path: socket });
    const { promise: exited, resolve: markExited } = Promise.withResolvers<void>();
    const { memory, name } = definition;
    const loadTimeout = this.#options.loadTimeout ?? 10_000;
    const child = spawned(command, listener);
    const process = new GuestProcess({ child, listener, name, loadTimeout, memory, memoryWatch, reaper }, {
      onMessage: (message) => this.#receive(process, message),
      onOutput: (stream, line) => {
        this.#log.dropped(process);
        this.#log.output(stream, line);
      },
      onExit: (reason) => {
        Deno.remove(socket).catch(() => {});
        this.#log.dropped(process, true);
        const released = process.once?.end();
        this.#exited(process, reason);
        const gone = () => {
          this.#exits.delete(process);
          markExited();
        };
        if (released) void released.then(gone);
        else gone();
      },
    });
    this.#exits.set(process, exited);
    const since = performance.now();
    if (observer) process.loaded.then(() => observer.coldStart?.(definition, performance.now() - since), () => {});
    return process;
  }

  #exited(process: GuestProcess, reason: string): void {
    this.#pool.remove(process);
    this.#validations.ended(process, reason);
    const all = [...this.#running.values()].filter((running) => running.process === process);
    for (const running of all) {
      this.#leave(running);
      if (running.batch !== 0) running.batch = this.#nextId++;
      // It was cancelled, so it does not run again.
      if (running.cancelled) this.#settle(running.id, CANCELLED);
    }
    const inside = all.filter(({ cancelled }) => !cancelled);
    if (this.#overrun.has(process)) this.#judgeOverrun(process, inside);
    else if (inside.length === 1 && all.length === 1 || inside[0]?.alone) this.#crashed(inside[0], reason);
    else for (const running of inside) this.#suspect(running);
    if (process.retired || this.#closed) return;
    const overran = this.#overrun.has(process);
    this.#options.observer?.processEnded?.(this.#definition, overran ? "timedOut" : "crashed");
    if (overran) return;
    this.#pool.noteCrash();
    this.#options.log.error("the function's process ended", { reason });
  }

  /** A process that still answered was not stuck, so each handler was slow by itself. */
  #judgeOverrun(process: GuestProcess, inside: readonly Running[]): void {
    const overran = inside.filter(({ killAt }) => killAt !== undefined);
    const certain = process.responsive || overran.length === 1 || overran[0]?.alone;
    for (const running of inside) {
      if (running.killAt === undefined) this.#run(running);
      else if (certain) this.#settle(running.id, timedOut(this.#definition.timeout));
      else this.#suspect(running);
    }
  }

  #crashed({ id }: Running, reason: string): void {
    const message = `the function's process ended while the handler ran: ${reason}`;
    this.#settle(id, { kind: "crashed", failure: { type: "Crash", message } });
  }

  #suspect(running: Running): void {
    this.#suspects.push(running);
    void this.#tryAlone();
  }

  /** Runs the suspects one by one. */
  async #tryAlone(): Promise<void> {
    if (this.#trying) return;
    this.#trying = true;
    let started: Promise<GuestProcess> | undefined;
    for (let running = this.#suspects.shift(); running && !this.#closed; running = this.#suspects.shift()) {
      // It was cancelled while it waited.
      if (!this.#running.has(running.id)) continue;
      const { promise: left, resolve: leave } = Promise.withResolvers<void>();
      running.alone = true;
      running.leave = leave;
      const process = await started?.catch(() => undefined);
      if (!process || process.ended) started = this.#pool.alone();
      this.#runIn(running, started!);
      await left;
    }
    this.#trying = false;
    (await started?.catch(() => undefined))?.retire();
  }

  #overdue(process: GuestProcess, id: number): void {
    process.once?.over(id);
    process.send(["overdue", id, `the time limit of ${this.#definition.timeout} ms is over`]);
    process.ping();
  }

  #overrunBy(process: GuestProcess): void {
    if (this.#overrun.has(process)) return;
    this.#overrun.add(process);
    this.#pool.remove(process);
    process.kill("a handler overran its time limit");
  }

  #receive(process: GuestProcess, message: CheckedFromGuest): void {
    switch (message[0]) {
      case "ready":
        this.#inputSchema = message[1];
        return;
      case "done": {
        this.#pool.noteSuccess();
        // A process can settle only its own invocations.
        for (const id of message[1]) {
          const running = this.#running.get(id);
          if (running?.process === process) this.#end(running, COMPLETED);
        }
        return;
      }
      case "result": {
        const running = this.#running.get(message[1]);
        if (running?.process !== process) return;
        this.#pool.noteSuccess();
        // A handler that its signal stopped has timed out, not failed.
        if (running.killAt !== undefined) return this.#end(running, timedOut(this.#definition.timeout));
        const [, , kind, failure, delay] = message;
        return this.#end(running, kind === "failed" ? { kind, failure, delay } : { kind, failure });
      }
      case "early": {
        const running = this.#running.get(message[1]);
        if (running?.process === process && !running.alone) this.#limits.extend(running, message[2]);
        return;
      }
      case "dropped":
        return this.#dropped(process, message[1]);
      case "uncaught": {
        const { type, message: text, stack } = message[1];
        if (process.budget.line()) this.#log.uncaught(type, text, stack);
        return process.kill(`nothing caught an error that it threw: ${type}: ${text}`);
      }
      case "validated":
        this.#validations.answered(process, message[1], message[2]);
        return;
      case "progress":
        return this.#progressed(process, message[1], message[2]);
      case "env":
        if (process.budget.line()) this.#ungranted.looked(message[1]);
        return;
      case "once":
        return this.#once(process, message);
      case "onceDone": {
        const [, , call, value] = message;
        void process.once?.done(call, value).then((answer) => process.send(["once", call, answer]));
        return;
      }
      case "onceFailed":
        void process.once?.failed(message[2]);
        return;
      case "log":
        if (process.budget.line()) {
          const [, id, level, text, fields] = message;
          this.#log.line(id, this.#running.get(id), level, text, fields);
        }
        return this.#log.dropped(process);
      case "completed": {
        this.#pool.noteSuccess();
        for (const { id, outputs, result } of message[1]) {
          const running = this.#running.get(id);
          if (running?.process === process) this.#end(running, { kind: "completed", outputs, result });
        }
        return;
      }
    }
  }

  /** Only if it was cancelled on purpose: abandoned messages come back, and would do so without end. */
  #dropped(process: GuestProcess, id: number): void {
    const running = this.#running.get(id);
    if (running?.process !== process) return;
    if (running.cancelled) this.#settle(id, CANCELLED);
    else if (this.#stopping) this.#settle(id, STOPPED);
  }

  #once(process: GuestProcess, [, id, call, key]: FromGuest & { 0: "once" }): void {
    if (process.unsent > MAX_UNSENT) return process.kill("it asks and does not read the answers");
    const running = this.#running.get(id);
    if (running?.process !== process) {
      return process.send(["once", call, { kind: "error", message: "the invocation is over" }]);
    }
    const { once: keeping, log } = this.#options;
    process.once ??= new OnceCalls({ keeping, scope: this.#definition.name, log });
    // Counts although its turn came late.
    const lease = this.#definition.timeout + this.#grace;
    void process.once.claim({ id, call, key, lease }).then((answer) => {
      if (answer) process.send(["once", call, answer]);
      else process.kill("it broke the protocol: it made one call twice");
    });
  }

  #ofBatch(batch: number): readonly Invocation[] {
    return [...this.#running.values()].filter((running) => running.batch === batch).map(({ invocation }) => invocation);
  }

  /** Ends it for another reason than its process reports. Calls back later, so that the caller is not surprised. */
  #settle(id: number, outcome: Outcome): void {
    const running = this.#running.get(id);
    if (!running) return;
    this.#remove(running);
    queueMicrotask(() => running.onEnd(outcome, running.subject));
  }

  #end(running: Running, outcome: Outcome): void {
    this.#remove(running);
    running.onEnd(outcome, running.subject);
  }

  #remove(running: Running): void {
    this.#running.delete(running.id);
    this.#leave(running);
  }

  #leave(running: Running): void {
    if (running.process) running.process.running--;
    running.process?.once?.over(running.id);
    running.process = undefined;
    const { member, leave } = running;
    running.member = running.leave = undefined;
    if (member) this.#pool.give(member);
    leave?.();
  }
}

const COMPLETED: Outcome = { kind: "completed" };

/** Nobody connects to the listener of a process that could not be started. */
function spawned(command: Deno.Command, listener: Deno.Listener): Deno.ChildProcess {
  try {
    return command.spawn();
  } catch (error) {
    listener.close();
    throw error;
  }
}

/** Followers never receive text that a process forged instead of JSON. */
function readProgress(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
