import { Backoff, delay } from "./backoff.ts";
import { describeError } from "./errors.ts";
import type { FunctionDefinition } from "./invocation/definition.ts";
import type { Failure, Outcome } from "./invocation/outcome.ts";
import type { Content, Invocation, Sandbox } from "./invocation/sandbox.ts";
import type { Logger } from "./log.ts";
import type { OnceKeeping } from "./once_store.ts";
import type { Sources } from "./sandbox/entry.ts";
import { InlineSandbox } from "./sandbox/inline_sandbox.ts";
import type { MemoryWatch } from "./sandbox/memory_watch.ts";
import { ProcessSandbox } from "./sandbox/process_sandbox.ts";
import type { Reaper } from "./sandbox/reaper.ts";

/** One version of a function: what it is configured as, and its modules. */
export interface Version {
  readonly definition: FunctionDefinition;
  readonly sources: Sources;
}

/** What the sandboxes of a runner share. */
export interface SandboxSurroundings {
  /** A folder for the sandboxes' sockets. */
  folder: string;
  /** The `deno.json` whose import map resolves `warren`. */
  configFile: string | undefined;
  memoryWatch: MemoryWatch;
  reaper: Reaper;
  once: OnceKeeping;
}

/** A version with the sandbox that runs it. */
export class Generation {
  readonly definition: FunctionDefinition;
  readonly #sandbox: Sandbox;
  #running = 0;
  #used = false;
  #loaded = false;
  readonly #idle = new Set<() => void>();
  readonly #replaced = new AbortController();

  constructor({ definition, sources }: Version, surroundings: SandboxSurroundings, log: Logger) {
    this.definition = definition;
    const { folder, configFile, memoryWatch, reaper, once } = surroundings;
    const options = { definition, sources, folder, log, once };
    this.#sandbox = definition.isolation === "inline"
      ? new InlineSandbox(options)
      : new ProcessSandbox({ ...options, configFile, memoryWatch, reaper });
  }

  /** It has run something, or was warmed: its module loads. */
  get used(): boolean {
    return this.#used;
  }

  /** Its module has been loaded once, without an error. */
  get loaded(): boolean {
    return this.#loaded;
  }

  /** Processes of its own that are there now. */
  get processes(): number {
    return this.#sandbox.processes;
  }

  /** Loads the module; rejects with the module's own error. */
  async warm(): Promise<void> {
    this.#used = true;
    await this.#sandbox.warm();
    this.#loaded = true;
  }

  /** Tries from time to time, until the module loads after all: false where it was stopped or replaced before. */
  async untilLoads(stopped: AbortSignal, failed: (error: string) => void): Promise<boolean> {
    const signal = AbortSignal.any([stopped, this.#replaced.signal]);
    const backoff = new Backoff({ initial: 5_000, max: 300_000 });
    for (;;) {
      await delay(backoff.next(), signal);
      if (signal.aborted) return false;
      const error = await this.warm().then(() => undefined, describeError);
      if (signal.aborted) return false;
      if (error === undefined) return true;
      failed(error);
    }
  }

  /** What is wrong with what would be the function's next message. */
  validate(content: Content): Promise<Failure | undefined> {
    return this.#sandbox.validate(content);
  }

  /** Runs the handler with one message or with a batch: an outcome for each, in their order. Never rejects. */
  async invoke(invocations: readonly Invocation[]): Promise<Outcome[]> {
    if (invocations.length === 0) return [];
    this.#used = true;
    this.#running++;
    const outcomes = this.definition.batch
      ? await this.#sandbox.invokeBatch(invocations)
      : [await this.#sandbox.invoke(invocations[0])];
    this.#loaded ||= outcomes.some(({ kind }) => kind !== "abandoned");
    if (--this.#running === 0) {
      for (const resolve of this.#idle) resolve();
      this.#idle.clear();
    }
    return outcomes;
  }

  /** Another one took its place: ends once what runs has ended. */
  async retire(): Promise<void> {
    this.#replaced.abort();
    if (this.#running > 0) await new Promise<void>((resolve) => this.#idle.add(resolve));
    await this.#sandbox.close();
  }

  /** Aborts what runs, ends it after the grace (ms), and with it the sandbox. */
  abort(grace: number): Promise<void> {
    return this.#sandbox.abort(grace);
  }

  /** Ends at once; whatever still runs is abandoned. */
  close(): Promise<void> {
    return this.#sandbox.close();
  }
}
