import { describeError } from "../base/errors.ts";
import type { LoadedFunction } from "../loader/loader.ts";
import type { Logger } from "../base/log.ts";
import type { ServedFunction } from "../serving/served_function.ts";
import type { Version } from "../serving/surroundings.ts";
import { endsWithin } from "../base/time/within.ts";

/** A function that is bound to its queue. */
export type Served = Pick<ServedFunction, keyof ServedFunction>;

/** What the runner knows of one file in the functions folder. */
export interface Entry {
  readonly loaded: LoadedFunction;
  /** Absent while it cannot be served: disabled, or broken since it first appeared. */
  readonly served: Served | undefined;
  /** Why its newest version is not the one that serves. */
  readonly error: string | undefined;
}

export interface FunctionRegistryOptions {
  log: Logger;
  /** Makes a function that can be bound. */
  open: (version: Version) => Served;
  /** Whether every module is loaded before its first message, and not only those of warm functions. */
  warm: boolean;
  /** Milliseconds that the invocations of a removed function have to finish. */
  drainTimeout: number;
}

/** Message ids in one line of the log. */
const MAX_IDS = 20;

/** The functions of a runner: those that are bound, those that cannot be, and those that were removed and still run. */
export class FunctionRegistry {
  readonly #options: FunctionRegistryOptions;
  readonly #log: Logger;
  readonly #entries = new Map<string, Entry>();
  /** Functions that were removed or disabled, until the last of their invocations has ended. */
  readonly #leaving = new Set<Served>();

  constructor(options: FunctionRegistryOptions) {
    this.#options = options;
    this.#log = options.log;
  }

  get(name: string): Entry | undefined {
    return this.#entries.get(name);
  }

  entries(): Iterable<[name: string, entry: Entry]> {
    return this.#entries;
  }

  /** Binds what is new, replaces what has changed, and removes what is not there any more. */
  async apply(functions: readonly LoadedFunction[]): Promise<void> {
    const names = new Set(functions.map(({ name }) => name));
    const gone = [...this.#entries.keys()].filter((name) => !names.has(name));
    // Those that go first, so that a file that was renamed can keep its queue.
    for (const name of gone) this.#remove(name);
    await Promise.all(functions.map((loaded) => this.#bring(loaded)));
  }

  /** All functions take no more messages; resolves once none of them runs any more. */
  async drain(): Promise<void> {
    await Promise.all(this.#all().map((served) => served.drain()));
  }

  /** Ends the invocations that still run; their messages go back untouched. */
  async abort(): Promise<void> {
    await Promise.all(this.#all().map((served) => served.abort()));
  }

  async close(): Promise<void> {
    await Promise.all(this.#all().map((served) => served.close()));
  }

  /** @param deadline milliseconds that they had */
  logUnfinished(deadline: number): void {
    for (const served of this.#all()) this.#logUnfinished(served, deadline);
  }

  #all(): Served[] {
    const bound = [...this.#entries.values()].flatMap(({ served }) => served ?? []);
    return [...bound, ...this.#leaving];
  }

  async #bring(loaded: LoadedFunction): Promise<void> {
    const { name } = loaded;
    const entry = this.#entries.get(name) ?? { loaded, served: undefined, error: undefined };
    this.#entries.set(name, entry);
    if ("error" in loaded) return this.#refuse(name, entry, loaded.error);
    const { definition } = loaded;
    const { served } = entry;
    if (!definition.enabled) return this.#disable(name, entry, loaded);
    if (served && served.definition.version === definition.version && served.state !== "broken") {
      this.#entries.set(name, { loaded, served, error: undefined });
      return;
    }
    const version = this.#versionOf(loaded);
    try {
      if (!served) this.#bind(name, loaded, version);
      else if (await served.replace(version)) {
        this.#log.info("serving a new version", { function: name });
        this.#entries.set(name, { loaded, served, error: undefined });
      }
    } catch (error) {
      const why = describeError(error);
      const now = this.#entries.get(name)!;
      this.#entries.set(name, { ...now, error: why });
      this.#log.error(`the new version does not load: ${why}; ${standing(now)}`, { function: name });
    }
  }

  #bind(name: string, loaded: LoadedFunction, version: Version): void {
    const served = this.#options.open(version);
    this.#entries.set(name, { loaded, served, error: undefined });
    served.start();
  }

  /** The version before it, if there is one, goes on. */
  #refuse(name: string, entry: Entry, error: string): void {
    if (error === entry.error) return;
    this.#entries.set(name, { ...entry, error });
    this.#log.error(`${error}; ${standing(entry)}`, { function: name });
  }

  #disable(name: string, { served, error }: Entry, loaded: LoadedFunction): void {
    this.#entries.set(name, { loaded, served: undefined, error: undefined });
    if (served || error !== undefined) this.#log.info("disabled", { function: name });
    if (served) void this.#end(name, served);
  }

  #remove(name: string): void {
    const { served } = this.#entries.get(name)!;
    this.#entries.delete(name);
    this.#log.info("removed; its queue and the messages in it stay", { function: name });
    if (served) void this.#end(name, served);
  }

  /** What has to load before the runner is ready does not wait for a message. */
  #versionOf({ definition, sources }: Exclude<LoadedFunction, { error: string }>): Version {
    return { definition: { ...definition, warm: definition.warm || this.#options.warm }, sources };
  }

  async #end(name: string, served: Served): Promise<void> {
    this.#leaving.add(served);
    try {
      await endsWithin(this.#options.drainTimeout, served.drain());
      await served.abort();
      await served.close();
      this.#log.debug("drained", { function: name });
    } catch (error) {
      this.#log.error(`could not be ended cleanly: ${describeError(error)}`, { function: name });
    } finally {
      this.#leaving.delete(served);
    }
  }

  #logUnfinished({ definition, running, messageIds }: Served, deadline: number): void {
    if (running === 0) return;
    const [what, whose] = running === 1
      ? ["invocation was", "its message goes"]
      : ["invocations were", "their messages go"];
    const more = messageIds.length - MAX_IDS;
    this.#log.warn(`${running} ${what} not done within ${deadline / 1000} s; ${whose} back to the queue`, {
      function: definition.name,
      messageIds: more > 0 ? [...messageIds.slice(0, MAX_IDS), `and ${more} more`] : messageIds,
    });
  }
}

/** What a function does while its newest version is refused, for the log. */
function standing({ served }: Entry): string {
  switch (served?.state) {
    case undefined:
      return "it is not bound to a queue";
    case "broken":
      return "the version before it is broken too, so that nothing serves";
    case "paused":
      return "the version before it stays paused";
    default:
      return "the version before it keeps serving";
  }
}
