import { assertEquals, assertRejects } from "@std/assert";
import { type Client, connectClient } from "../../../lib/amqp/client/client.ts";
import { ExclusiveQueue } from "../../../lib/amqp/consuming/exclusive.ts";
import { BrokerClient } from "../../support/broker_client.ts";
import { brokerTest } from "../../support/brokers.ts";
import { eventually } from "../../support/eventually.ts";

brokerTest(
  "what fails while a delivery is taken gives the queue back, and ends neither process nor connection",
  async (url) => {
    await using broker = await BrokerClient.connect(url);
    const queue = broker.queue("exclusive");
    await broker.declare(queue);
    const { client, close } = await connectClient(url, { name: "test", heartbeat: 0 });
    const options = { queue, prefetch: 10, tag: "test" };
    const onMessage = () => {
      throw new TypeError("a fault of ours");
    };
    const taken = await ExclusiveQueue.take(client, { ...options, onMessage });
    await broker.publish(queue, ["1", "2"]);
    assertEquals(await taken?.ended, "a delivery could not be taken: a fault of ours");

    const bodies: string[] = [];
    const again = await ExclusiveQueue.take(client, {
      ...options,
      tag: "again",
      onMessage: (message) => void bodies.push(String(message.bodyString())),
    });
    await eventually(() => bodies.length >= 2);
    assertEquals(bodies, ["1", "2"]);
    await again?.close();
    await close();
  },
);

Deno.test("a queue that somebody else consumes is taken, and one that the user may not read is an error", async () => {
  const take = (refusal: string) => {
    const channel = {
      basicQos: () => Promise.resolve(),
      basicConsume: () => Promise.reject(new Error(`Channel 1 closed: ACCESS_REFUSED - ${refusal} (403)`)),
    };
    const client = { channel: () => Promise.resolve(channel) } as unknown as Client;
    return ExclusiveQueue.take(client, { queue: "exclusive", prefetch: 1, tag: "test", onMessage: () => {} });
  };
  assertEquals(await take("queue 'work' in vhost '/' in exclusive use"), undefined);
  await assertRejects(() => take("read access to queue 'exclusive' in vhost '/' refused for user 'bob'"), Error, "bob");
});
