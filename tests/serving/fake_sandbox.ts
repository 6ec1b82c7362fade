import type { FunctionDefinition } from "../../lib/invocation/definition/definition.ts";
import type { Outcome } from "../../lib/invocation/outcome.ts";
import type { Invocation, OnEnd, Sandbox } from "../../lib/invocation/sandbox.ts";

export const COMPLETED: Outcome = { kind: "completed" };
export const FAILED: Outcome = { kind: "failed", failure: { type: "Error", message: "no" } };

/** One run of a handler, which ends when the test says so. */
export class Run {
  readonly version: string;
  readonly invocations: readonly Invocation[];
  readonly #settle: (outcomes: Outcome[]) => void;
  /** Why its signal was aborted. */
  cancelled: string | undefined;
  ended = false;

  constructor(version: string, invocations: readonly Invocation[], settle: (outcomes: Outcome[]) => void) {
    this.version = version;
    this.invocations = invocations;
    this.#settle = settle;
  }

  get bodies(): string[] {
    return this.invocations.map(({ body }) => new TextDecoder().decode(body));
  }

  /** As `v1: a b`. */
  get text(): string {
    return `${this.version}: ${this.bodies.join(" ")}`;
  }

  end(outcome: Outcome = COMPLETED): void {
    this.ended = true;
    this.#settle(this.invocations.map(() => outcome));
  }
}

/** How the modules of a test behave. */
export interface Behaviour {
  /** Called for each run; undefined leaves it to run until the test ends it. */
  handler?: (run: Run) => Outcome | undefined;
  /** What loading a version's module comes to. */
  load?: (version: string) => Promise<void>;
}

/** A sandbox without a process: its runs are in a list. */
export class FakeSandbox implements Sandbox {
  readonly #version: string;
  readonly #behaviour: Behaviour;
  readonly #runs: Run[];
  #stop: ((error: Error) => void) | undefined;
  closed = false;
  processes = 0;

  constructor({ version }: Pick<FunctionDefinition, "version">, behaviour: Behaviour, runs: Run[]) {
    this.#version = version;
    this.#behaviour = behaviour;
    this.#runs = runs;
  }

  async warm(): Promise<void> {
    const { promise, reject } = Promise.withResolvers<never>();
    this.#stop = reject;
    promise.catch(() => {});
    this.processes = 1;
    await Promise.race([this.#behaviour.load?.(this.#version), promise]);
  }

  validate(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  invoke<S>(invocation: Invocation, onEnd: OnEnd<S>, subject: S): void {
    void this.invokeBatch([invocation]).then(([outcome]) => onEnd(outcome, subject));
  }

  async invokeBatch(batch: readonly Invocation[]): Promise<Outcome[]> {
    try {
      await this.warm();
    } catch (error) {
      return batch.map(() => ({ kind: "abandoned", reason: (error as Error).message }));
    }
    const { promise, resolve } = Promise.withResolvers<Outcome[]>();
    const run = new Run(this.#version, batch, resolve);
    this.#runs.push(run);
    const outcome = this.#behaviour.handler?.(run);
    if (outcome) run.end(outcome);
    return await promise;
  }

  cancel(invocations: readonly Invocation[], reason: string): void {
    for (const run of this.#own()) if (run.invocations.some((one) => invocations.includes(one))) run.cancelled = reason;
  }

  async abort(): Promise<void> {
    await this.close();
  }

  close(): Promise<void> {
    this.closed = true;
    this.processes = 0;
    this.#stop?.(new Error("the sandbox is closed"));
    for (const run of this.#own()) run.end({ kind: "abandoned", reason: "the runner stopped" });
    return Promise.resolve();
  }

  #own(): Run[] {
    return this.#runs.filter(({ version, ended }) => version === this.#version && !ended);
  }
}
