import type { AMQPMessage, AMQPProperties } from "@cloudamqp/amqp-client";
import { headerText } from "../../invocation/content/header_text.ts";
import { within } from "../../base/time/within.ts";
import type { Client } from "../client/client.ts";
import type { Connection } from "../client/connection.ts";
import { HEADERS } from "../message/names.ts";
import { whenAborted } from "../client/unless_aborted.ts";
import type { OutgoingMessage } from "./confirms/outgoing_message.ts";

/** The answer to a request. */
export interface Reply {
  /** `completed`, or the final outcome of the invocation. */
  outcome: string;
  body: Uint8Array;
  contentType: string | undefined;
}

/** The properties of a request by which its answer finds the caller. */
export interface ReplyRoute {
  replyTo: string;
  correlationId: string;
}

/** Somebody who waits for an answer. */
interface Waiting {
  readonly replyTo: string;
  readonly resolve: (reply: Reply) => void;
}

/**
 * The queue that answers come to: one for all who wait, exclusive, so that it goes with the connection. Answers that nobody
 * waits for any more are dropped. If the message is handled by the same runner, its answer is handed over and does not go
 * over the broker.
 */
export class Replies {
  readonly #connection: Connection;
  readonly #queues = new WeakMap<Client, Promise<string>>();
  readonly #waiting = new Map<string, Waiting>();

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** The number of waiting callers. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /**
   * Publishes a request with `publish`, and gives its answer; `undefined` when there is none within `wait` milliseconds,
   * or `gone` aborts: nobody wants it any more.
   *
   * @throws {WarrenError} `unavailable` when there is no connection in that time; and what `publish` throws
   */
  request(
    { wait, gone }: { wait: number; gone: AbortSignal },
    publish: (route: ReplyRoute) => Promise<void>,
  ): Promise<Reply | undefined> {
    return within(wait, async (limit) => {
      const correlationId = crypto.randomUUID();
      const replyTo = await this.#queue(limit);
      const reply = this.#expect({ replyTo, correlationId }, [limit, gone]);
      try {
        const published = publish({ replyTo, correlationId });
        // If the answer comes first, the message was published.
        published.catch(() => {});
        const early = await Promise.race([published, reply.promise]);
        if (early) return early;
        await published;
        return await reply.promise;
      } finally {
        reply.forget();
      }
    });
  }

  /** Hands an answer to the caller of this runner that waits for it. False if there is no such caller: publish it then. */
  take({ routingKey, body, properties }: Pick<OutgoingMessage, "routingKey" | "body" | "properties">): boolean {
    const waiting = this.#waiting.get(properties.correlationId ?? "");
    if (waiting?.replyTo !== routingKey) return false;
    waiting.resolve(replyOf(properties, body));
    return true;
  }

  /** The name for `replyTo`. */
  async #queue(signal: AbortSignal): Promise<string> {
    const client = await this.#connection.opened(signal);
    const known = this.#queues.get(client) ?? this.#open(client);
    this.#queues.set(client, known);
    known.catch(() => this.#queues.delete(client));
    return await known;
  }

  /** The answer with that correlation id. Undefined if one of the signals aborts first. */
  #expect(
    { replyTo, correlationId }: ReplyRoute,
    ends: AbortSignal[],
  ): { promise: Promise<Reply | undefined>; forget: () => void } {
    const { promise, resolve } = Promise.withResolvers<Reply | undefined>();
    const forgets = ends.map((signal) => whenAborted(signal, () => resolve(undefined)));
    this.#waiting.set(correlationId, { replyTo, resolve });
    const forget = () => {
      this.#waiting.delete(correlationId);
      forgets.forEach((forget) => forget());
    };
    return { promise, forget };
  }

  async #open(client: Client): Promise<string> {
    const channel = await client.channel();
    channel.onerror = () => this.#queues.delete(client);
    const { name } = await channel.queueDeclare("", { exclusive: true, durable: false, autoDelete: true });
    await channel.basicConsume(name, { noAck: true }, (message) => this.#received(message));
    return name;
  }

  #received({ properties, body }: AMQPMessage): void {
    const bytes = (body as Uint8Array | null) ?? new Uint8Array(0);
    this.#waiting.get(properties.correlationId ?? "")?.resolve(replyOf(properties, bytes));
  }
}

function replyOf({ contentType, headers = {} }: AMQPProperties, body: Uint8Array): Reply {
  return { outcome: headerText(headers[HEADERS.outcome] ?? "completed") ?? "completed", body, contentType };
}
