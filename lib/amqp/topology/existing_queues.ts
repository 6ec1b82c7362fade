import { type Client, replyCode } from "../client/client.ts";
import { closeChannel } from "../client/close_channel.ts";

/** How many are asked for at once. Each uses its own channel, which a missing queue closes. */
const SIDE_BY_SIDE = 16;

/**
 * Which of the queues exist, with how many messages each has ready. AMQP has no list of queues: every name is asked for,
 * which takes about a second for a thousand.
 */
export async function existingQueues(client: Client, names: readonly string[]): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  const waiting = [...names];
  const ask = async () => {
    let channel = await client.channel();
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      if (channel.closed) channel = await client.channel();
      channel.onerror = () => {};
      try {
        const { messageCount } = await channel.queueDeclare(name, { passive: true });
        found.set(name, messageCount);
      } catch (error) {
        if (replyCode(error) !== 404) throw error;
      }
    }
    await closeChannel(channel);
  };
  await Promise.all(Array.from({ length: Math.min(SIDE_BY_SIDE, names.length) }, ask));
  return found;
}
