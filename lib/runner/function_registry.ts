import { describeError } from "../base/errors.ts";
import type { LoadedFunction } from "../loader/loader.ts";
import type { Logger } from "../base/log.ts";
import type { ServedFunction } from "../serving/served_function.ts";
import type { Version } from "../serving/surroundings.ts";
import { endsWithin } from "../base/time/within.ts";

/** A function that is bound to its queue. */
export type Served = Pick<ServedFunction, keyof ServedFunction>;

/** The state of one file in the functions folder. */
export interface Entry {
  readonly loaded: LoadedFunction;
  /** Undefined while it cannot be served: it is disabled, or has never loaded. */
  readonly served: Served | undefined;
  /** Why its newest version is not served. */
  readonly error: string | undefined;
}

export interface FunctionRegistryOptions {
  log: Logger;
  /** Creates a function that can be bound. */
  open: (version: Version) => Served;
  /** Whether every module is loaded before its first message, instead of only those of warm functions. */
  warm: boolean;
  /** Milliseconds that the invocations of a removed function have to finish. */
  drainTimeout: number;
}

/** Message ids per line of the log. */
const MAX_IDS = 20;

/** The functions of a runner: bound ones, broken ones, and removed ones that still run. */
export class FunctionRegistry {
  readonly #options: FunctionRegistryOptions;
  readonly #log: Logger;
  readonly #entries = new Map<string, Entry>();
  /** Removed or disabled functions, until their last invocation has ended. */
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

  /** Somebody follows this message, and may not know that it runs. */
  follow(messageId: string): void {
    for (const served of this.#all()) served.follow(messageId);
  }

  /** Binds new functions, replaces changed ones, and removes those that no longer exist. */
  async apply(functions: readonly LoadedFunction[]): Promise<void> {
    const names = new Set(functions.map(({ name }) => name));
    const gone = [...this.#entries.keys()].filter((name) => !names.has(name));
    // Removals come first, so that a renamed file can keep its queue.
    for (const name of gone) this.#remove(name);
    await Promise.all(functions.map((loaded) => this.#bring(loaded)));
  }

  /** Stops all functions from taking messages. Resolves once no handler runs. */
  async drain(): Promise<void> {
    await Promise.all(this.#all().map((served) => served.drain()));
  }

  /** Ends the running invocations. Their messages return to the queue unchanged. */
  async abort(): Promise<void> {
    await Promise.all(this.#all().map((served) => served.abort()));
  }

  async close(): Promise<void> {
    await Promise.all(this.#all().map((served) => served.close()));
  }

  /** @param deadline milliseconds that they had, for the log */
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

  /** The previous version, if there is one, keeps serving. */
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

  /** Modules that readiness depends on are loaded without waiting for a message. */
  #versionOf({ definition, sources, resolution }: Exclude<LoadedFunction, { error: string }>): Version {
    return { definition: { ...definition, warm: definition.warm || this.#options.warm }, sources, resolution };
  }

  async #end(name: string, served: Served): Promise<void> {
    this.#leaving.add(served);
    try {
      await endsWithin(this.#options.drainTimeout, served.drain());
      await served.abort();
      await served.close();
      this.#log.debug("drained", { function: name });
    } catch (error) {
      this.#log.error(`could not be stopped cleanly: ${describeError(error)}`, { function: name });
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
      return "the previous version is broken too, so no version serves";
    case "paused":
      return "the previous version stays paused";
    default:
      return "the previous version keeps serving";
  }
}
