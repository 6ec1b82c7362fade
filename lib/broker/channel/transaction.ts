import type { ChannelConsumer } from "./channel_consumer.ts";
import type { Published } from "./publishing.ts";
import type { Taken, Unacked, Verdict } from "./unacked.ts";

/** The channel of a transaction, as the transaction sees it. */
export interface TransactionChannel {
  readonly unacked: Unacked<ChannelConsumer>;
  publishNow(published: Published): void;
  settleTaken(taken: Taken<ChannelConsumer>, verdict: Verdict): void;
}

/** What a channel published and settled since `tx.select`, or since the last commit or rollback. */
export class Transaction {
  readonly #channel: TransactionChannel;
  #published: Published[] = [];
  #settled: { taken: Taken<ChannelConsumer>; verdict: Verdict }[] = [];

  constructor(channel: TransactionChannel) {
    this.#channel = channel;
  }

  publish(published: Published): void {
    this.#published.push(published);
  }

  settle(taken: Taken<ChannelConsumer>, verdict: Verdict): void {
    this.#settled.push({ taken, verdict });
  }

  commit(): void {
    const [published, settled] = [this.#published, this.#settled];
    this.#published = [];
    this.#settled = [];
    for (const each of published) this.#channel.publishNow(each);
    for (const { taken, verdict } of settled) this.#channel.settleTaken(taken, verdict);
  }

  /** Nothing was published, and what was settled is not. */
  rollBack(): void {
    this.#published = [];
    this.#channel.unacked.restore(this.#settled.flatMap(({ taken }) => taken));
    this.#settled = [];
  }
}
