import type { AMQPChannel } from "@cloudamqp/amqp-client";
import { endsWithin } from "../../base/time/within.ts";

/** Milliseconds for the broker's answer. */
const LIMIT = 3_000;

/**
 * Closes a channel, and waits for the broker's answer, which says that all that was sent on the channel before has arrived.
 * A broker that does not answer, as on a blocked connection, is not waited for without end.
 *
 * @param limit milliseconds
 */
export async function closeChannel(channel: AMQPChannel, limit = LIMIT): Promise<void> {
  if (channel.closed || channel.connection.closed) return;
  await endsWithin(limit, channel.close().catch(() => {}));
}
