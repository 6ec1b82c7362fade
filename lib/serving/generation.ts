import { Backoff } from "../base/time/backoff.ts";
import { describeError } from "../base/errors.ts";
import type { InputSchema } from "../invocation/content/input_schema.ts";
import type { FunctionDefinition } from "../invocation/definition/definition.ts";
import type { Failure, Outcome } from "../invocation/outcome.ts";
import type { Content, Invocation, OnEnd, Sandbox } from "../invocation/sandbox.ts";
import { sleep, TIMERS, type Timers } from "../base/time/timers.ts";

/** A version of a function with the sandbox that runs it. */
export class Generation {
  readonly definition: FunctionDefinition;
  readonly #sandbox: Sandbox;
  readonly #timers: Timers;
  #running = 0;
  #used = false;
  #loaded = false;
  #retired = false;
  #closing: Promise<void> | undefined;
  readonly #closed = Promise.withResolvers<void>();

  constructor(definition: FunctionDefinition, sandbox: Sandbox, timers: Timers = TIMERS) {
    this.definition = definition;
    this.#sandbox = sandbox;
    this.#timers = timers;
  }

  /** It has run a message or was warmed, so its module loads. */
  get used(): boolean {
    return this.#used;
  }

  /** Whether its module has been loaded without an error. */
  get loaded(): boolean {
    return this.#loaded;
  }

  /** The number of its processes. */
  get processes(): number {
    return this.#sandbox.processes;
  }

  /** The JSON schema of its bodies, once its module is loaded. */
  get inputSchema(): InputSchema | undefined {
    return this.#sandbox.inputSchema;
  }

  /** Resolves once its sandbox is closed. */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  /** Loads the module. Rejects with the module's own error. */
  async warm(): Promise<void> {
    this.#used = true;
    await this.#sandbox.warm();
    this.#loaded = true;
  }

  /** Tries to load the module, with growing pauses, until it loads. False if the signal aborts first. */
  async untilLoads(signal: AbortSignal, failed: (error: string) => void): Promise<boolean> {
    const backoff = new Backoff({ initial: 5_000, max: 300_000 });
    for (;;) {
      await sleep(this.#timers, backoff.next(), signal);
      if (signal.aborted) return false;
      const error = await this.warm().then(() => undefined, describeError);
      if (signal.aborted) return false;
      if (error === undefined) return true;
      failed(error);
    }
  }

  /** Checks the body of a message before it is published. */
  validate(content: Content): Promise<Failure | undefined> {
    return this.#sandbox.validate(content);
  }

  /** Runs the handler for one message. `onEnd` has to call `ended()`. */
  run<S>(invocation: Invocation, onEnd: OnEnd<S>, subject: S): void {
    this.#begun();
    this.#sandbox.invoke(invocation, onEnd, subject);
  }

  /** What `run()` began has ended. */
  ended({ kind }: Outcome): void {
    this.#ended(kind !== "abandoned");
  }

  /** Runs the handler for a batch. `onEnd` gets an outcome for each message, in order. */
  runBatch(batch: readonly Invocation[], onEnd: (outcomes: readonly Outcome[]) => void): void {
    this.#begun();
    void this.#sandbox.invokeBatch(batch).then((outcomes) => {
      this.#ended(outcomes.some(({ kind }) => kind !== "abandoned"));
      onEnd(outcomes);
    });
  }

  /** Somebody wants to know how far the handler is that runs with this invocation. */
  follow(invocation: Invocation): void {
    this.#sandbox.follow?.(invocation);
  }

  /** Aborts the signal of the handler that runs with these invocations. Its outcome is reported as usual. */
  cancel(invocations: readonly Invocation[], reason: string): void {
    this.#sandbox.cancel(invocations, reason);
  }

  /** Another version replaced it. Closes once nothing runs. */
  retire(): void {
    this.#retired = true;
    if (this.#running === 0) void this.close();
  }

  /** Aborts running handlers, ends them after the grace period (milliseconds), and closes the sandbox. */
  abort(grace: number): Promise<void> {
    return this.#sandbox.abort(grace);
  }

  #begun(): void {
    this.#used = true;
    this.#running++;
  }

  #ended(loaded: boolean): void {
    this.#running--;
    this.#loaded ||= loaded;
    if (this.#retired && this.#running === 0) void this.close();
  }

  /** Closes at once. Running invocations are abandoned. */
  async close(): Promise<void> {
    this.#closing ??= this.#sandbox.close();
    await this.#closing;
    this.#closed.resolve();
  }
}
