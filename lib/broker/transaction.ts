import type { ChannelConsumer } from "./channel_consumer.ts";
import type { Published } from "./publishing.ts";
import type { Delivery, Unacked } from "./unacked.ts";

type Settlement = "ack" | "reject" | "requeue";
type Taken = [number, Delivery<ChannelConsumer>][];

/** The channel of a transaction, as the transaction sees it. */
export interface TransactionChannel {
  readonly unacked: Unacked<ChannelConsumer>;
  publishNow(published: Published): void;
  settleTaken(taken: Taken, settlement: Settlement): void;
}

/** What a channel published and settled since `tx.select`, or since the last commit or rollback. */
export class Transaction {
  readonly #channel: TransactionChannel;
  #published: Published[] = [];
  #settled: { taken: Taken; settlement: Settlement }[] = [];

  constructor(channel: TransactionChannel) {
    this.#channel = channel;
  }

  publish(published: Published): void {
    this.#published.push(published);
  }

  settle(taken: Taken, settlement: Settlement): void {
    this.#settled.push({ taken, settlement });
  }

  commit(): void {
    const [published, settled] = [this.#published, this.#settled];
    this.#published = [];
    this.#settled = [];
    for (const each of published) this.#channel.publishNow(each);
    for (const { taken, settlement } of settled) this.#channel.settleTaken(taken, settlement);
  }

  /** Nothing was published, and what was settled is not. */
  rollBack(): void {
    this.#published = [];
    this.#channel.unacked.restore(this.#settled.flatMap(({ taken }) => taken));
    this.#settled = [];
  }
}
