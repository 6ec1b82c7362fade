import type { ChannelConsumer } from "./channel_consumer.ts";
import type { Published } from "./publishing.ts";
import type { Taken, Unacked, Verdict } from "./unacked.ts";

/** The parts of the channel that a transaction uses. */
export interface TransactionChannel {
  readonly unacked: Unacked<ChannelConsumer>;
  publishNow(published: Published): void;
  settleTaken(taken: Taken<ChannelConsumer>, verdict: Verdict): void;
}

/** The publishes and settlements since `tx.select`, or since the last commit or rollback. */
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

  /** Discards the publishes and undoes the settlements. */
  rollBack(): void {
    this.#published = [];
    this.#channel.unacked.restore(this.#settled.flatMap(({ taken }) => taken));
    this.#settled = [];
  }
}
