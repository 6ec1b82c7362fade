import type { ManagementApi } from "../../amqp/depth/management_api.ts";
import type { Lent } from "../../amqp/topology/declaring_connection.ts";
import { findOrphans, type Orphans } from "../../amqp/waiting/orphans.ts";
import { askForSideQueues, type SideQueues, sideQueuesAmong } from "../../amqp/waiting/side_queues.ts";
import type { FunctionDefinition } from "../../invocation/definition/definition.ts";

export interface OrphanWatchOptions {
  lend: () => Promise<Lent>;
  functions: () => readonly FunctionDefinition[];
  /** Lists all queues, if its URL is given. */
  management?: Pick<ManagementApi, "names">;
  /** Milliseconds for which an answer is used. @default 60_000 */
  fresh?: number;
  /** Milliseconds until the queues that there are are looked for again. @default an hour */
  sweep?: number;
  /** Milliseconds, rising. @default performance.now */
  now?: () => number;
}

/**
 * What waits on the broker and belongs to no function of this runner. Which queues there are is looked for once an hour,
 * since AMQP has no list of them; what they hold is counted at most once a minute, when somebody asks.
 */
export class OrphanWatch {
  readonly #options: OrphanWatchOptions;
  readonly #now: () => number;
  #last: { readonly orphans: readonly Orphans[]; readonly until: number } | undefined;
  #asking: Promise<readonly Orphans[]> | undefined;
  #known: { readonly queues: SideQueues; readonly until: number } | undefined;

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
    const orphans = await findOrphans(lent.client, functions(), await this.#queues(lent));
    this.#last = { orphans, until: this.#now() + fresh };
    return orphans;
  }

  async #queues({ client }: Lent): Promise<SideQueues> {
    const { functions, management, sweep = 3_600_000 } = this.#options;
    if (this.#known && this.#now() < this.#known.until) return this.#known.queues;
    const names = await management?.names().catch(() => undefined);
    const queues = names ? sideQueuesAmong(names, functions()) : await askForSideQueues(client, functions());
    this.#known = { queues, until: this.#now() + sweep };
    return queues;
  }
}
