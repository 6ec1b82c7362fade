import { describeError, WarrenError } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import { endsWithin } from "../../base/time/within.ts";
import type { InputSchema } from "../../invocation/content/input_schema.ts";
import type { OnceKeeping } from "../../invocation/once_store.ts";
import type { Failure, Outcome } from "../../invocation/outcome.ts";
import type { Content, Invocation, OnEnd, Sandbox } from "../../invocation/sandbox.ts";
import { UngrantedVariables } from "../guest/ungranted_variables.ts";
import { CANCELLED, CLOSED, crashed, STOPPED, timedOut } from "../limits/endings.ts";
import { TimeLimits } from "../limits/time_limits.ts";
import type { GuestProcess } from "../process/guest_process.ts";
import { Processes, type ProcessesOptions } from "../process/processes.ts";
import { exitVerdicts, type Verdict } from "./exit_verdicts.ts";
import { Pool } from "./pool.ts";
import { ProcessLog } from "./process_log.ts";
import { ProcessSuspects } from "./process_suspects.ts";
import { receive, type Receiving } from "./receive.ts";
import { type RunningInvocation, RunningInvocations } from "./running_invocations.ts";
import { Validations } from "./validations.ts";

export interface ProcessSandboxOptions extends ProcessesOptions {
  log: Logger;
  /** Milliseconds from the time limit until the process is killed. @default 1000 */
  grace?: number;
  /** Milliseconds for the check of a message, including the start of a process. @default 10_000 */
  validationLimit?: number;
  /** @default none: calls of `once()` fail with an error */
  once?: OnceKeeping;
}

/**
 * Runs a function in processes of its own:
 *
 * 1. An invocation gets a place in a process of the pool, which starts one if none is free: see pool.ts and processes.ts.
 * 2. It is sent there once the module is loaded. Its time limit counts from then, or from when it begins if others keep
 *    the process busy. At the limit its signal is aborted; after the grace its process is killed: see time_limits.ts.
 * 3. The process says how it ended, and what else it has to say: see receive.ts.
 * 4. If a process ends, exit_verdicts.ts decides what becomes of all that ran in it. Who is innocent runs again as it was.
 *    Those that cannot be told from the guilty one run one by one where nothing else runs: see process_suspects.ts.
 */
export class ProcessSandbox implements Sandbox {
  readonly #options: ProcessSandboxOptions;
  readonly #processes: Processes;
  readonly #pool: Pool;
  readonly #running: RunningInvocations;
  readonly #limits: TimeLimits;
  readonly #suspects: ProcessSuspects;
  /** Processes that are killed because a handler exceeded its time limit. */
  readonly #overrun = new WeakSet<GuestProcess>();
  readonly #validations: Validations;
  readonly #log: ProcessLog;
  #stopping = false;
  #closed = false;
  #inputSchema: InputSchema | undefined;

  constructor(options: ProcessSandboxOptions) {
    const { definition, log, grace = 1000, observer, once: keeping, validationLimit } = options;
    const { name, instances, idle, timeout, concurrency } = definition;
    this.#options = options;
    this.#pool = new Pool({ instances, idle, log, start: () => this.#processes.start() });
    this.#running = new RunningInvocations(this.#pool);
    this.#validations = new Validations({ limit: validationLimit, grace });
    this.#limits = new TimeLimits(this.#running, {
      timeout,
      grace,
      concurrency,
      onOverdue: (process, id) => this.#overdue(process, id),
      onOverrun: (process) => this.#overrunBy(process),
    });
    this.#suspects = new ProcessSuspects({
      waits: ({ id }) => this.#running.has(id),
      start: () => this.#pool.alone(),
      run: (running, started) => this.#runIn(running, started),
    });
    this.#log = new ProcessLog({ ...options, ofBatch: (batch) => this.#running.ofBatch(batch) });
    const receiving: Receiving = {
      definition,
      running: this.#running,
      pool: this.#pool,
      limits: this.#limits,
      validations: this.#validations,
      log: this.#log,
      ungranted: new UngrantedVariables(options),
      observer,
      once: { keeping, scope: name, log },
      lease: timeout + grace,
      onLoaded: (inputSchema) => void (this.#inputSchema = inputSchema),
      stopping: () => this.#stopping,
    };
    this.#processes = new Processes(options, {
      onMessage: (process, message) => receive(receiving, process, message),
      onOutput: (process, stream, line) => {
        this.#log.dropped(process);
        this.#log.output(stream, line);
      },
      onExit: (process, reason) => this.#exited(process, reason),
    });
  }

  get processes(): number {
    return this.#processes.size;
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
    this.#run(this.#running.enter(invocation, 0, onEnd as OnEnd<unknown>, subject));
  }

  async invokeBatch(batch: readonly Invocation[]): Promise<Outcome[]> {
    if (this.#closed) return batch.map(() => CLOSED);
    const number = this.#running.nextId();
    const member = this.#pool.take();
    let left = batch.length;
    const leave = () => --left === 0 ? this.#pool.give(member) : undefined;
    return await Promise.all(batch.map((invocation) =>
      new Promise<Outcome>((settle) => {
        const running = this.#running.enter(invocation, number, settle, undefined);
        running.leave = leave;
        this.#runIn(running, member.started, member.process);
      })
    ));
  }

  cancel(invocations: readonly Invocation[], reason: string): void {
    const wanted = new Set(invocations);
    for (const running of [...this.#running.values()]) {
      if (!wanted.has(running.invocation)) continue;
      const { id, process } = running;
      running.cancelled = true;
      if (!process) this.#running.settle(id, CANCELLED);
      process?.once?.over(id);
      process?.send(["abort", id, reason]);
    }
  }

  follow(invocation: Invocation): void {
    for (const running of this.#running.values()) {
      if (running.invocation !== invocation) continue;
      running.followed = true;
      running.process?.send(["follow", running.id]);
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
    this.#processes.quiet();
    this.#limits.stop();
    this.#validations.close();
    for (const id of [...this.#running.keys()]) this.#running.settle(id, STOPPED);
    await this.#pool.close();
    await this.#processes.close();
  }

  /** Starts it in a process of the pool, together with others. */
  #run(running: RunningInvocation): void {
    const member = running.member = this.#pool.take();
    this.#runIn(running, member.started, member.process);
  }

  /** Starts it at once if a process has loaded the module, which is the usual case. */
  #runIn(running: RunningInvocation, started: Promise<GuestProcess>, process?: GuestProcess): void {
    if (process?.ready) this.#begin(running, process);
    else void this.#runOnce(running, started);
  }

  async #runOnce(running: RunningInvocation, started: Promise<GuestProcess>): Promise<void> {
    let process: GuestProcess;
    try {
      process = await started;
      await process.loaded;
    } catch (error) {
      return this.#running.settle(running.id, { kind: "abandoned", reason: describeError(error) });
    }
    if (this.#running.has(running.id)) this.#begin(running, process);
  }

  /** The time limit starts when the module is loaded: a slow start is not the handler's fault. */
  #begin(running: RunningInvocation, process: GuestProcess): void {
    this.#limits.begin(running);
    running.endsAt = Date.now() + this.#options.definition.timeout;
    running.process = process;
    process.running++;
    process.invoke(running);
    if (running.followed) process.send(["follow", running.id]);
  }

  #overdue(process: GuestProcess, id: number): void {
    process.once?.over(id);
    process.send(["overdue", id, `the time limit of ${this.#options.definition.timeout} ms is over`]);
    process.ping();
  }

  #overrunBy(process: GuestProcess): void {
    if (this.#overrun.has(process)) return;
    this.#overrun.add(process);
    this.#pool.remove(process);
    process.kill("a handler overran its time limit");
  }

  /** If it returns a promise, that resolves once the process's keys of `once()` are released. */
  #exited(process: GuestProcess, reason: string): Promise<void> | undefined {
    this.#log.dropped(process, true);
    const released = process.once?.end();
    this.#pool.remove(process);
    this.#validations.ended(process, reason);
    this.#judgeInside(process, reason);
    if (!process.retired && !this.#closed) this.#reportEnd(process, reason);
    return released;
  }

  /** Decides what becomes of all invocations that ran in the process. */
  #judgeInside(process: GuestProcess, reason: string): void {
    const all = this.#running.in(process);
    for (const running of all) {
      this.#running.leave(running);
      if (running.batch !== 0) running.batch = this.#running.nextId();
      // It was cancelled, so it does not run again.
      if (running.cancelled) this.#running.settle(running.id, CANCELLED);
    }
    const inside = all.filter(({ cancelled }) => !cancelled);
    const verdicts = exitVerdicts(inside, {
      overran: this.#overrun.has(process),
      responsive: process.responsive,
      cancelled: inside.length < all.length,
    });
    for (const [index, running] of inside.entries()) this.#apply(verdicts[index], running, reason);
  }

  #apply(verdict: Verdict, running: RunningInvocation, reason: string): void {
    switch (verdict) {
      case "innocent":
        return this.#run(running);
      case "suspect":
        return this.#suspects.add(running);
      case "crashed":
        return this.#running.settle(running.id, crashed(reason));
      case "timedOut":
        return this.#running.settle(running.id, timedOut(this.#options.definition.timeout));
    }
  }

  /** Reports the end of a process that was still needed. */
  #reportEnd(process: GuestProcess, reason: string): void {
    const { observer, definition, log } = this.#options;
    const overran = this.#overrun.has(process);
    observer?.processEnded?.(definition, overran ? "timedOut" : "crashed");
    if (overran) return;
    this.#pool.noteCrash();
    log.error("the function's process ended", { reason });
  }
}
