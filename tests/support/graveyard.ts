import type { AMQPMessage, AMQPProperties } from "@cloudamqp/amqp-client";
import { Connection } from "../../lib/amqp/client/connection.ts";
import { DeadLetters } from "../../lib/amqp/dead_letters/dead_letters.ts";
import { Publisher } from "../../lib/amqp/publishing/publisher.ts";
import { Logger } from "../../lib/base/log.ts";
import { BrokerClient } from "./broker_client.ts";

const log = new Logger({ level: "silent" });

export interface GraveyardOptions {
  /** What the dead letters are looked at by. @default the broker's own URL */
  via?: string;
  /** Arguments of the queue with the dead letters. */
  args?: Record<string, string | number>;
  /** Whether there is a queue to go back to. @default true */
  work?: boolean;
}

/** A queue of the test's own with dead letters, and the way to them. */
export class Graveyard implements AsyncDisposable {
  readonly broker: BrokerClient;
  readonly queue: string;
  readonly letters: DeadLetters;
  readonly #connection: Connection;

  private constructor(broker: BrokerClient, queue: string, via: string) {
    this.broker = broker;
    this.queue = queue;
    this.#connection = new Connection({ urls: [via], name: "test", log });
    this.#connection.start();
    this.letters = new DeadLetters({
      connection: this.#connection,
      publisher: new Publisher(this.#connection),
      queue,
    });
  }

  static async open(url: string, options: GraveyardOptions = {}): Promise<Graveyard> {
    const { via = url, args, work = true } = options;
    const broker = await BrokerClient.connect(url);
    const queue = broker.queue("dead");
    await broker.declare(`${queue}.dead`, true, args);
    if (work) await broker.declare(queue);
    return new Graveyard(broker, queue, via);
  }

  /** Messages as a runner would leave them: `{ reason: "failed" }` is the header `warren-reason`. */
  async bury(
    bodies: (string | Uint8Array)[],
    about: Record<string, string | number> = {},
    properties: AMQPProperties = {},
  ): Promise<void> {
    const facts = { reason: "failed", error: "no luck", "error-type": "Error", attempts: 3, attempt: 3, ...about };
    const own = Object.entries(facts).map(([name, value]) => [`warren-${name}`, value]);
    const headers = { ...Object.fromEntries(own), ...properties.headers };
    await this.broker.publish(`${this.queue}.dead`, bodies, { ...properties, headers });
  }

  /** One with the body `n` and the id `id-n`, for each number. */
  async buryNumbered(count: number, about: Record<string, string | number> = {}, from = 0): Promise<void> {
    for (let n = from; n < from + count; n++) await this.bury([String(n)], about, { messageId: `id-${n}` });
  }

  /** All messages that are in the queue now; they are gone from it then. */
  drain(queue: string): Promise<AMQPMessage[]> {
    return this.broker.drain(queue);
  }

  async drainBodies(queue: string): Promise<string[]> {
    return (await this.drain(queue)).map((message) => message.bodyString() ?? "");
  }

  /** How many are back in the work queue, and how many are still dead. */
  async counts(): Promise<[back: number, dead: number]> {
    const [back, dead] = await Promise.all([this.broker.count(this.queue), this.broker.count(this.letters.queue)]);
    return [back.messages, dead.messages];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connection.close();
    await this.broker[Symbol.asyncDispose]();
  }
}
