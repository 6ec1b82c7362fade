import type { AMQPProperties } from "@cloudamqp/amqp-client";
import type { PublishSpan, Tracing } from "../../invocation/tracing/tracing.ts";
import { TRACEPARENT } from "../../invocation/trace_context.ts";
import type { MessageProperties } from "../../mod.ts";
import { keepReceived } from "../message/content_header.ts";
import type { OutgoingMessage, Publisher, PublishOptions } from "./publisher.ts";

/** What publishes, with confirms. */
type Publishing = Pick<Publisher, "publish">;

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

  #span({ properties, ...message }: OutgoingMessage): PublishSpan | undefined {
    const { headers = {} } = properties;
    return this.#tracing.publish({ ...message, properties: properties as MessageProperties, headers });
  }
}

function withTrace(message: OutgoingMessage, { traceparent }: PublishSpan): OutgoingMessage {
  const headers = { ...message.properties.headers, [TRACEPARENT]: traceparent };
  const properties: AMQPProperties = keepReceived({ ...message.properties, headers }, message.properties);
  return { ...message, properties };
}
