import type { Lent } from "../../amqp/topology/declaring_connection.ts";
import { countQueues } from "../../amqp/depth/queue_counts.ts";
import { delayOf, findOrphans, type Orphans } from "../../amqp/waiting/orphans.ts";
import { retryQueue } from "../../amqp/message/names.ts";
import { allRungs } from "../../invocation/retry_policy.ts";
import type { FunctionDefinition } from "../../invocation/definition/definition.ts";

export interface OrphanWatchOptions {
  lend: () => Promise<Lent>;
  functions: () => readonly FunctionDefinition[];
  /** Milliseconds for which an answer is used. @default 60_000 */
  fresh?: number;
  /** Milliseconds until all retry queues that there can be are looked for again. @default an hour */
  sweep?: number;
  /** Milliseconds, rising. @default performance.now */
  now?: () => number;
}

/**
 * What waits on the broker and belongs to no function of this runner. AMQP has no list of queues, and brokers log each
 * question about a queue that is not there, so all the possible retry queues are looked for once an hour at most.
 */
export class OrphanWatch {
  readonly #options: OrphanWatchOptions;
  readonly #now: () => number;
  #last: { readonly orphans: readonly Orphans[]; readonly until: number } | undefined;
  #asking: Promise<readonly Orphans[]> | undefined;
  /** Delays whose retry queue is there, and when all are to be looked for again. */
  #known: { readonly delays: readonly number[]; readonly until: number } | undefined;

  constructor(options: OrphanWatchOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  /** @throws {WarrenError} `unavailable` while the broker cannot be asked */
  async orphans(): Promise<readonly Orphans[]> {
    if (this.#last && this.#now() < this.#last.until) return this.#last.orphans;
    return await (this.#asking ??= this.#find().finally(() => this.#asking = undefined));
  }

  async #find(): Promise<readonly Orphans[]> {
    const { lend, functions, fresh = 60_000 } = this.#options;
    await using lent = await lend();
    const orphans = await findOrphans(lent.client, functions(), await this.#delays(lent));
    this.#last = { orphans, until: this.#now() + fresh };
    return orphans;
  }

  async #delays({ client }: Lent): Promise<readonly number[]> {
    if (this.#known && this.#now() < this.#known.until) return this.#known.delays;
    const answers = await countQueues(client, allRungs().map(retryQueue));
    const delays = [...answers].filter(([, answer]) => answer !== "missing")
      .map(([queue]) => delayOf(queue)).filter((ms) => ms !== undefined).sort((one, other) => one - other);
    this.#known = { delays, until: this.#now() + (this.#options.sweep ?? 3_600_000) };
    return delays;
  }
}
