import type { HeldBack } from "../../amqp/depth/held_back.ts";
import type { AnnouncedFunction, Announcement } from "../../invocation/insight/fleet.ts";
import { noOutcomes } from "../../invocation/outcome.ts";
import { VERSION } from "../../settings/config.ts";
import type { Entry, FunctionRegistry } from "../function_registry.ts";
import { view } from "../function_view.ts";
import { type MinuteRate, MinuteRates } from "./minute_rates.ts";

/** The name that options have by default: it tells no runners apart. */
const UNNAMED = "warren";

/** Who a runner is, unique for each start. */
export type RunnerIdentity = Omit<Announcement, "functions" | "heldBack">;

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

export interface AnnouncingOptions {
  identity: RunnerIdentity;
  functions: Pick<FunctionRegistry, "entries">;
  heldBack: Pick<HeldBack, "all">;
  /** @default new MinuteRates() */
  rates?: MinuteRates;
}

/** What a runner says of itself to the others. */
export class Announcing {
  readonly #options: AnnouncingOptions;
  readonly #rates: MinuteRates;

  constructor(options: AnnouncingOptions) {
    this.#options = options;
    this.#rates = options.rates ?? new MinuteRates();
  }

  announcement(): Announcement {
    const { identity, functions, heldBack } = this.#options;
    const entries = [...functions.entries()];
    const rates = this.#rates.of(new Map(entries.map(([name, { served }]) => [name, served?.counts ?? noOutcomes()])));
    const announced = entries.map(([name, entry]) => announcedFunction(name, entry, rates.get(name)!));
    return { ...identity, functions: announced, heldBack: heldBack.all() };
  }
}

function announcedFunction(name: string, entry: Entry, { ended, failed }: MinuteRate): AnnouncedFunction {
  const { queue, version, state, error, running } = view(name, entry);
  const newest = entry.served?.newest?.getTime();
  return {
    name,
    queue,
    version,
    state,
    ...(error === undefined ? {} : { detail: error }),
    running,
    ...(newest === undefined ? {} : { newest }),
    perMinute: ended,
    failedPerMinute: failed,
  };
}
