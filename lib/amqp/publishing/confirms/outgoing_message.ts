import type { AMQPProperties } from "@cloudamqp/amqp-client";

/** A message on its way to the broker. */
export interface OutgoingMessage {
  readonly exchange: string;
  readonly routingKey: string;
  readonly body: Uint8Array;
  readonly properties: AMQPProperties;
}
