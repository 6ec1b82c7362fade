import { AMQPClient } from "@cloudamqp/amqp-client";

/** What came back of a load. */
export interface Measured {
  /** Messages a second. */
  readonly rate: number;
  /** Milliseconds from the publish until the answer. */
  readonly median: number;
}

/** A function that answers every message in a queue. */
export function answering(queue: string): string {
  return `
    export const config = { concurrency: 20 };
    export default ({ body }, context) => context.publish(body, { routingKey: ${JSON.stringify(queue)} });`;
}

/** Sends messages to a function that answers, so many at a time, and measures how it does. */
export class Load implements AsyncDisposable {
  readonly #client: AMQPClient;
  readonly #channel: Awaited<ReturnType<AMQPClient["channel"]>>;
  readonly #waiting = new Map<string, () => void>();

  private constructor(client: AMQPClient, channel: Awaited<ReturnType<AMQPClient["channel"]>>) {
    this.#client = client;
    this.#channel = channel;
  }

  /** @param answers the queue of the answers, which is declared here */
  static async make(url: string, answers: string): Promise<Load> {
    const client = new AMQPClient(url);
    await client.connect();
    const channel = await client.channel();
    const load = new Load(client, channel);
    await channel.queueDeclare(answers, { durable: false });
    await channel.basicConsume(answers, { noAck: true }, (message) => {
      const id = message.bodyString() ?? "";
      load.#waiting.get(id)?.();
      load.#waiting.delete(id);
    });
    return load;
  }

  /** Keeps `window` messages in flight for so many milliseconds. */
  async measure(queue: string, duration: number, window = 8): Promise<Measured> {
    const times: number[] = [];
    const began = performance.now();
    const one = async () => {
      while (performance.now() - began < duration) {
        const sent = performance.now();
        const id = crypto.randomUUID();
        const { promise, resolve } = Promise.withResolvers<void>();
        this.#waiting.set(id, resolve);
        await this.#channel.basicPublish("", queue, id);
        await promise;
        times.push(performance.now() - sent);
      }
    };
    await Promise.all(Array.from({ length: window }, one));
    const seconds = (performance.now() - began) / 1000;
    times.sort((a, b) => a - b);
    return { rate: times.length / seconds, median: times[times.length >> 1] };
  }

  /** Sends a message to the queue every so many milliseconds, until it is disposed of. */
  feed(queue: string, body: string, interval: number): Disposable {
    const timer = setInterval(() => void this.#channel.basicPublish("", queue, body), interval);
    return { [Symbol.dispose]: () => clearInterval(timer) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.close().catch(() => {});
  }
}
