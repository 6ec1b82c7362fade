import type { AMQPProperties } from "@cloudamqp/amqp-client";
import type { WarrenError } from "../../base/errors.ts";
import type { PublishSpan, Tracing } from "../../invocation/tracing/tracing.ts";
import { TRACEPARENT } from "../../invocation/trace_context.ts";
import type { MessageProperties } from "../../mod.ts";
import { keepReceived } from "../message/content_header.ts";
import type { PublishSink } from "./confirms/confirm_channel.ts";
import type { OutgoingMessage } from "./confirms/outgoing_message.ts";
import type { Publisher, PublishOptions } from "./publisher.ts";

/** What publishes, with confirms. */
type Publishing = Pick<Publisher, "publish" | "send">;

/** A publisher that makes a span of each publish, below the span that the message's own trace names. */
export class TracedPublisher implements Publishing {
  readonly #publisher: Publishing;
  readonly #tracing: Tracing;

  constructor(publisher: Publishing, tracing: Tracing) {
    this.#publisher = publisher;
    this.#tracing = tracing;
  }

  async publish(message: OutgoingMessage, options?: PublishOptions): Promise<void> {
    const span = this.#span(message);
    if (!span) return await this.#publisher.publish(message, options);
    try {
      await this.#publisher.publish(withTrace(message, span), options);
      span.end();
    } catch (error) {
      span.end(error);
      throw error;
    }
  }

  /** Where nothing was sent, the span does not end, so that it is not exported. */
  send(message: OutgoingMessage, options: Omit<PublishOptions, "signal">, sink: PublishSink): boolean {
    const span = this.#span(message);
    if (!span) return this.#publisher.send(message, options, sink);
    try {
      return this.#publisher.send(withTrace(message, span), options, new Traced(message, span, sink));
    } catch (error) {
      span.end(error);
      throw error;
    }
  }

  #span({ properties, ...message }: OutgoingMessage): PublishSpan | undefined {
    const { headers = {} } = properties;
    return this.#tracing.publish({ ...message, properties: properties as MessageProperties, headers });
  }
}

/** Ends the span with the confirm. The publisher gets its message back unchanged. */
class Traced implements PublishSink {
  readonly #message: OutgoingMessage;
  readonly #span: PublishSpan;
  readonly #sink: PublishSink;

  constructor(message: OutgoingMessage, span: PublishSpan, sink: PublishSink) {
    this.#message = message;
    this.#span = span;
    this.#sink = sink;
  }

  published(_message: OutgoingMessage, error: WarrenError | undefined): void {
    this.#span.end(error);
    this.#sink.published(this.#message, error);
  }
}

function withTrace(message: OutgoingMessage, { traceparent }: PublishSpan): OutgoingMessage {
  const headers = { ...message.properties.headers, [TRACEPARENT]: traceparent };
  const properties: AMQPProperties = keepReceived({ ...message.properties, headers }, message.properties);
  return { ...message, properties };
}
