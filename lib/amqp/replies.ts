import type { AMQPMessage } from "@cloudamqp/amqp-client";
import type { Client } from "./client.ts";
import type { Connection } from "./connection.ts";
import { HEADERS } from "./names.ts";

/** An answer to a request. */
export interface Reply {
  /** `completed`, or how the invocation ended for good. */
  outcome: string;
  body: Uint8Array;
  contentType: string | undefined;
}

/**
 * The queue that answers come to: one for all who wait, exclusive, so that it goes with the connection. Answers that nobody
 * waits for any more are dropped.
 */
export class Replies {
  readonly #connection: Connection;
  readonly #queues = new WeakMap<Client, Promise<string>>();
  readonly #waiting = new Map<string, (reply: Reply) => void>();

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** How many wait. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /**
   * The name to put into `replyTo`.
   *
   * @throws {WarrenError} `unavailable` when the signal aborts first
   */
  async queue(signal: AbortSignal): Promise<string> {
    const client = await this.#connection.opened(signal);
    const known = this.#queues.get(client) ?? this.#open(client);
    this.#queues.set(client, known);
    known.catch(() => this.#queues.delete(client));
    return await known;
  }

  /** The answer with that correlation id; `undefined` when the signal aborts first. */
  expect(correlationId: string, signal: AbortSignal): Promise<Reply | undefined> {
    return new Promise((resolve) => {
      const end = (reply: Reply | undefined) => {
        this.#waiting.delete(correlationId);
        signal.removeEventListener("abort", abort);
        resolve(reply);
      };
      const abort = () => end(undefined);
      if (signal.aborted) return resolve(undefined);
      signal.addEventListener("abort", abort, { once: true });
      this.#waiting.set(correlationId, end);
    });
  }

  async #open(client: Client): Promise<string> {
    const channel = await client.channel();
    channel.onerror = () => this.#queues.delete(client);
    const { name } = await channel.queueDeclare("", { exclusive: true, durable: false, autoDelete: true });
    await channel.basicConsume(name, { noAck: true }, (message) => this.#received(message));
    return name;
  }

  #received({ properties, body }: AMQPMessage): void {
    const { correlationId = "", contentType, headers = {} } = properties;
    this.#waiting.get(correlationId)?.({
      outcome: String(headers[HEADERS.outcome] ?? "completed"),
      body: (body as Uint8Array | null) ?? new Uint8Array(0),
      contentType,
    });
  }
}
