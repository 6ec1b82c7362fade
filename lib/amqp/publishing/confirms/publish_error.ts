import { describeError, WarrenError } from "../../../base/errors.ts";
import { replyCode } from "../../client/client.ts";
import type { OutgoingMessage } from "./outgoing_message.ts";

/** What brokers and the client say where nothing is wrong with the message, and the channel is well. */
const FOR_NOW = /rejected|blocked/i;

/**
 * Why a publish failed: its channel is `closed`, the broker takes it not `now`, or it is `impossible`: it cannot be
 * encoded, and would fail again.
 */
export function publishFailure(error: unknown): "closed" | "now" | "impossible" {
  const text = describeError(error);
  if (FOR_NOW.test(text)) return "now";
  return replyCode(error) !== undefined || /closed|disconnect/i.test(text) ? "closed" : "impossible";
}

/** `refused` where it would fail again, and else `unavailable`. */
export function publishError(message: OutgoingMessage, error: unknown, closed: boolean): WarrenError {
  if (error instanceof WarrenError) return error;
  const code = replyCode(error);
  const impossible = !closed && publishFailure(error) === "impossible";
  const refused = impossible || (code !== undefined && [403, 404, 406, 311].includes(code));
  const text = `cannot publish to ${target(message)}: ${describeError(error)}`;
  return new WarrenError(refused || error instanceof RangeError ? "refused" : "unavailable", text.slice(0, 1_000));
}

/** No queue takes it. */
export function unroutable(message: OutgoingMessage, why: string): WarrenError {
  return new WarrenError("unroutable", `${untaken(message)}: ${why}`);
}

function untaken(message: OutgoingMessage): string {
  return message.exchange ? `no queue takes messages for ${target(message)}` : `there is no ${target(message)}`;
}

function target({ exchange, routingKey }: OutgoingMessage): string {
  return exchange ? `exchange "${exchange}" with routing key "${routingKey}"` : `queue "${routingKey}"`;
}
