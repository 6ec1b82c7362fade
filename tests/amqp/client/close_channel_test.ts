import { assert, assertEquals } from "@std/assert";
import type { AMQPChannel } from "@cloudamqp/amqp-client";
import { closeChannel } from "../../../lib/amqp/client/close_channel.ts";

/** A channel that keeps how often it was closed, and answers as the test wants. */
function channelThat(closes: () => Promise<void>, gone: { channel?: boolean; connection?: boolean } = {}) {
  const asked = { times: 0 };
  const fake = {
    closed: gone.channel ?? false,
    connection: { closed: gone.connection ?? false },
    close: () => (asked.times++, closes()),
  };
  return { channel: fake as unknown as AMQPChannel, asked };
}

Deno.test("a channel is closed once the broker has answered", async () => {
  const answer = Promise.withResolvers<void>();
  const { channel } = channelThat(() => answer.promise);
  let closed = false;
  const closing = closeChannel(channel).then(() => closed = true);
  await Promise.resolve();
  assert(!closed);
  answer.resolve();
  await closing;
});

Deno.test("a broker that does not answer, or refuses, keeps nobody from closing", async () => {
  await closeChannel(channelThat(() => new Promise(() => {})).channel, 0);
  await closeChannel(channelThat(() => Promise.reject(new Error("the connection was closed"))).channel);
});

Deno.test("a channel that is gone already is not closed again", async () => {
  for (const gone of [{ channel: true }, { connection: true }]) {
    const { channel, asked } = channelThat(() => Promise.reject(new Error("closed already")), gone);
    await closeChannel(channel);
    assertEquals(asked.times, 0);
  }
});
