import type { AnnouncedFunction, Announcement } from "../../invocation/insight/fleet.ts";
import { noOutcomes } from "../../invocation/outcome.ts";
import { VERSION } from "../../settings/config.ts";
import type { FunctionRegistry } from "../function_registry.ts";
import { view } from "../function_view.ts";
import { MinuteRates } from "./minute_rates.ts";

/** The name that options have by default: it tells no runners apart. */
const UNNAMED = "warren";

/** Who a runner is, unique for each start. */
export type RunnerIdentity = Omit<Announcement, "functions">;

/**
 * @param name of its connections. Runners often share it, so host and process are added: `orders@web-1.17`, or `web-1.17`
 * where nobody gave a name
 */
export function identify(name: string): RunnerIdentity {
  const host = Deno.hostname();
  const place = `${host}.${Deno.pid}`;
  return {
    id: crypto.randomUUID(),
    name: name === UNNAMED ? place : `${name}@${place}`,
    host,
    version: VERSION,
    startedAt: Date.now(),
  };
}

/** What a runner says of itself to the others. */
export class Announcing {
  readonly #identity: RunnerIdentity;
  readonly #functions: Pick<FunctionRegistry, "entries">;
  readonly #rates: MinuteRates;

  constructor(identity: RunnerIdentity, functions: Pick<FunctionRegistry, "entries">, rates = new MinuteRates()) {
    this.#identity = identity;
    this.#functions = functions;
    this.#rates = rates;
  }

  announcement(): Announcement {
    const entries = [...this.#functions.entries()];
    const rates = this.#rates.of(new Map(entries.map(([name, { served }]) => [name, served?.counts ?? noOutcomes()])));
    const functions = entries.map(([name, entry]): AnnouncedFunction => {
      const { queue, version, state, error, running } = view(name, entry);
      const { ended, failed } = rates.get(name)!;
      const detail = error === undefined ? {} : { detail: error };
      return { name, queue, version, state, ...detail, running, perMinute: ended, failedPerMinute: failed };
    });
    return { ...this.#identity, functions };
  }
}
