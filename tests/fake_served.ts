import type { Served } from "../lib/runner/function_registry.ts";
import type { FunctionDefinition } from "../lib/invocation/definition/definition.ts";
import { resolveFunctionConfig } from "../lib/invocation/definition/function_config.ts";
import { type Failure, noOutcomes } from "../lib/invocation/outcome.ts";
import type { Content } from "../lib/invocation/sandbox.ts";
import type { LoadedFunction } from "../lib/loader/loader.ts";
import type { FunctionConfig } from "../lib/mod.ts";
import { Pauses, type PauseScope } from "../lib/serving/pauses.ts";
import type { Version } from "../lib/serving/surroundings.ts";

/** A function as the loader gives it. */
export function loaded(name: string, version: string, config: FunctionConfig = {}): LoadedFunction {
  const file = `/functions/${name}.ts`;
  const definition = resolveFunctionConfig({ ...config }, { name, file, version });
  return { name, file, definition, sources: new Map(), resolution: undefined };
}

/** A function that the loader refuses. */
export function broken(name: string, error: string): LoadedFunction {
  return { name, file: `/functions/${name}.ts`, error };
}

/** A served function that keeps what is done with it, and ends when the test wants. */
export class FakeServed implements Served {
  readonly #pauses = new Pauses();
  definition: FunctionDefinition;
  state: Served["state"] = "starting";
  detail: string | undefined;
  counts = noOutcomes();
  duplicates: number | undefined;
  running = 0;
  messageIds: string[] = [];
  newest: Date | undefined;
  loaded = false;
  processes = 0;
  inputSchema: Served["inputSchema"];
  /** What was done with it, in order. */
  readonly done: string[] = [];
  /** Its last invocation ends with this. */
  idle: Promise<void> = Promise.resolve();
  /** What `replace()` throws. */
  refusal: Error | undefined;
  /** What `validate()` finds. */
  failure: Failure | undefined;

  constructor(version: Version) {
    this.definition = version.definition;
  }

  start(): void {
    this.state = "serving";
    this.done.push("start");
  }

  replace({ definition }: Version): Promise<boolean> {
    if (this.refusal) return Promise.reject(this.refusal);
    this.done.push(`replace ${definition.version}`);
    this.definition = definition;
    this.state = "serving";
    return Promise.resolve(true);
  }

  follow(messageId: string): void {
    this.done.push(`follow ${messageId}`);
  }

  validate(_: Content): Promise<Failure | undefined> {
    return Promise.resolve(this.failure);
  }

  pause(scope: PauseScope, detail: string): Promise<void> {
    this.#pauses.add(scope, detail);
    this.#become();
    return Promise.resolve();
  }

  resume(scope: PauseScope): void {
    this.#pauses.end("here");
    if (scope === "everywhere") this.#pauses.end("everywhere");
    this.#become();
  }

  pauseEnded(scope: PauseScope): boolean {
    const ended = this.#pauses.end(scope);
    this.#become();
    return ended;
  }

  #become(): void {
    this.state = this.#pauses.any ? "paused" : "serving";
    this.detail = this.#pauses.detail;
  }

  async drain(): Promise<void> {
    this.done.push("drain");
    this.state = "draining";
    await this.idle;
  }

  abort(): Promise<void> {
    this.done.push("abort");
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.done.push("close");
    return Promise.resolve();
  }
}
