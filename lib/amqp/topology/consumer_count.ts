import { type Client, replyCode } from "../client/client.ts";
import { closeChannel } from "../client/close_channel.ts";

/** The number of a queue's consumers, including other programs. 0 if the queue does not exist. */
export async function consumerCount(client: Client, queue: string): Promise<number> {
  const channel = await client.channel();
  channel.onerror = () => {};
  try {
    return (await channel.queueDeclare(queue, { passive: true })).consumerCount;
  } catch (error) {
    if (replyCode(error) === 404) return 0;
    throw error;
  } finally {
    await closeChannel(channel);
  }
}
