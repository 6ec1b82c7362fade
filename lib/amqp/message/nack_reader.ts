import type { AMQPChannel } from "@cloudamqp/amqp-client";
import type { Bytes } from "./field_table.ts";

const METHOD = 1;
/** Class and method of `basic.nack`. */
const NACK = (60 << 16) | 120;
/** Bytes of a frame's type, channel and size. One more byte follows the payload. */
const HEAD = 7;
/** Class, method, delivery tag, flags and the end of the frame. */
const PAYLOAD = 4 + 8 + 1 + 1;

/** What the client has but does not show. */
interface Confirmed {
  publishConfirmed(tag: number, multiple: boolean, nack: boolean): void;
}

/**
 * Reads the refusal of publishes in the place of the client: that takes `multiple` and `requeue`, which are two bits of one
 * octet, for one. RabbitMQ 4.0 sets both, and the refusal of several messages counted for the last of them alone.
 *
 * @param channels the client's channels, by number
 * @returns false where the frame is another one
 */
export function takeNack(
  from: Bytes,
  at: number,
  size: number,
  channels: readonly (AMQPChannel | undefined)[],
): boolean {
  if (from.bytes[at] !== METHOD || size < HEAD + PAYLOAD || from.view.getUint32(at + HEAD) !== NACK) return false;
  const channel = channels[from.view.getUint16(at + 1)] as (AMQPChannel & Confirmed) | undefined;
  if (!channel) return false;
  const tag = Number(from.view.getBigUint64(at + HEAD + 4));
  channel.publishConfirmed(tag, (from.bytes[at + HEAD + 12] & 1) === 1, true);
  return true;
}
