import type { Client } from "../../../lib/amqp/client/client.ts";

/** Ready messages and consumers of a queue; or how the broker refuses to tell; or that it does not answer. */
type FakeQueue = [ready: number, consumers: number] | string;

/** A broker that answers passive declares, and closes the channel after a refusal as brokers do. */
export class FakeBroker {
  readonly queues: Record<string, FakeQueue>;
  /** The names that were asked for, in order. */
  readonly asked: string[] = [];
  /** Channels that were opened. */
  opened = 0;
  /** The most questions at the same time. */
  most = 0;
  #now = 0;

  constructor(queues: Record<string, FakeQueue>) {
    this.queues = queues;
  }

  get client(): Client {
    return { closed: false, channel: () => Promise.resolve(this.#channel()) } as unknown as Client;
  }

  #channel() {
    this.opened++;
    const channel = {
      closed: false,
      connection: { closed: false },
      onerror: () => {},
      close: () => {
        channel.closed = true;
        return Promise.resolve();
      },
      queueDeclare: async (name: string) => {
        this.asked.push(name);
        this.most = Math.max(this.most, ++this.#now);
        await Promise.resolve();
        this.#now--;
        const queue = this.queues[name];
        if (queue === "silent") return await new Promise<never>(() => {});
        if (typeof queue === "object") return { name, messageCount: queue[0], consumerCount: queue[1] };
        channel.closed = true;
        const reason = queue === undefined ? `NOT_FOUND - no queue '${name}'` : queue;
        throw new Error(/\(\d+\)$/.test(reason) ? reason : `${reason} (404)`);
      },
    };
    return channel;
  }
}
