import { describeError, WarrenError } from "../../base/errors.ts";
import { type Client, replyCode } from "../client/client.ts";
import { closeChannel } from "../client/close_channel.ts";

/**
 * Deletes the messages that are ready in the queues. What consumers have, stays with them. Queues that are not there are
 * passed over.
 *
 * @returns how many messages there were, by queue
 * @throws {WarrenError} `refused` or `unavailable`, with what was deleted before
 */
export async function purgeQueues(client: Client, queues: readonly string[]): Promise<Map<string, number>> {
  const purged = new Map<string, number>();
  for (const queue of queues) {
    const channel = await client.channel();
    channel.onerror = () => {};
    try {
      // A queue that is not there is no error on LavinMQ: it is asked for first.
      await channel.queueDeclare(queue, { passive: true });
      const { messageCount } = await channel.queuePurge(queue);
      purged.set(queue, messageCount);
    } catch (error) {
      const code = replyCode(error);
      if (code === 404) continue;
      const before = [...purged].map(([name, count]) => `${count} messages of "${name}" were deleted before`).join(
        ", ",
      );
      const text = `cannot purge queue "${queue}": ${describeError(error)}${before ? `; ${before}` : ""}`;
      throw new WarrenError(code === undefined ? "unavailable" : "refused", text);
    } finally {
      await closeChannel(channel);
    }
  }
  return purged;
}
