import { assertEquals } from "@std/assert";
import { connectClient } from "../../lib/amqp/client.ts";
import { ExclusiveQueue } from "../../lib/amqp/exclusive.ts";
import { BrokerClient } from "../support/broker_client.ts";
import { brokerTest } from "../support/brokers.ts";
import { eventually } from "../support/eventually.ts";

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
