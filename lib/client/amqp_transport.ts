import { Connection } from "../amqp/client/connection.ts";
import { Publisher } from "../amqp/publishing/publisher.ts";
import { Replies, type ReplyRoute } from "../amqp/publishing/replies.ts";
import { Logger } from "../base/log.ts";
import { within } from "../base/time/within.ts";
import { Spans } from "../invocation/tracing/spans.ts";
import { childTrace } from "../invocation/trace_context.ts";
import type { Answer, EncodedMessage, Transport } from "./functions.ts";

/** With OTEL_DENO=true, messages are part of the trace in which they are published. */
const SPANS = Spans.open();
/** Milliseconds for the connection and the confirm of a message without a signal of its own. */
const CONFIRM_LIMIT = 30_000;

export interface AmqpTransportOptions {
  readonly urls: readonly string[];
  /** The name of the connection, as the broker shows it. */
  readonly name: string;
  /** The queues of functions whose queue has another name than they. */
  readonly queues: Readonly<Record<string, string>>;
  /** For WebSocket URLs. */
  readonly vhost?: string;
  /** PEM. */
  readonly ca?: string;
}

/** Publishes into the functions' queues, with confirms, over a connection that is opened again when it is lost. */
export class AmqpTransport implements Transport {
  readonly #connection: Connection;
  readonly #publisher: Publisher;
  readonly #replies: Replies;
  readonly #queues: Readonly<Record<string, string>>;

  constructor({ queues, ...connection }: AmqpTransportOptions) {
    this.#connection = new Connection({ ...connection, log: new Logger({ level: "silent" }) });
    this.#publisher = new Publisher(this.#connection);
    this.#replies = new Replies(this.#connection);
    this.#queues = queues;
    this.#connection.start();
  }

  async publish(name: string, message: EncodedMessage, signal?: AbortSignal): Promise<void> {
    await this.#publish(name, message, signal);
  }

  async call(
    name: string,
    message: EncodedMessage,
    timeout: number,
    signal?: AbortSignal,
  ): Promise<Answer | undefined> {
    const gone = signal ?? new AbortController().signal;
    return await this.#replies.request({ wait: timeout, gone }, (route) => this.#publish(name, message, signal, route));
  }

  async close(): Promise<void> {
    await this.#connection.close();
  }

  async #publish(name: string, message: EncodedMessage, signal?: AbortSignal, route?: ReplyRoute): Promise<void> {
    const { body, headers: given, ...properties } = message;
    const trace = SPANS?.active(undefined);
    const headers = trace ? { ...childTrace(trace), ...given } : given;
    const routingKey = Object.hasOwn(this.#queues, name) ? this.#queues[name] : name;
    const outgoing = {
      exchange: "",
      routingKey,
      body,
      properties: { deliveryMode: 2, timestamp: new Date(), ...properties, headers, ...route },
    };
    await within(CONFIRM_LIMIT, (limit) => {
      return this.#publisher.publish(outgoing, { signal: signal ? AbortSignal.any([signal, limit]) : limit });
    });
  }
}
