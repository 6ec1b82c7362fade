import { assert, assertEquals, assertRejects } from "@std/assert";
import type { AMQPMessage } from "@cloudamqp/amqp-client";
import { connectClient } from "../../../lib/amqp/client/client.ts";
import { ODD } from "../../support/amqp/odd_messages.ts";
import { RawClient } from "../../support/amqp/raw_client.ts";
import { brokerTest, embeddedTest, sharedBroker } from "../../support/brokers.ts";
import { Mailbox } from "../../support/amqp/mailbox.ts";

const options = { heartbeat: 0, name: "test" };

/** What is refused before anything is sent leaves the connection as it was. */
async function refusesAndGoesOn(url: string): Promise<void> {
  const { client, close, closed } = await connectClient(url, options);
  let lost = false;
  void closed.then(() => lost = true);
  try {
    const channel = await client.channel();
    const { name } = await channel.queueDeclare("", { exclusive: true });
    await channel.confirmSelect();
    // A buffer grows with a body, and would then have room for headers that no frame has.
    await channel.basicPublish("", name, new Uint8Array(1_000_000));
    for (
      const properties of [
        { headers: { large: "x".repeat(200_000) } },
        { messageId: "é".repeat(128) },
        { timestamp: new Date(NaN) },
        { headers: { time: new Date(NaN) } },
        { headers: { ["k".repeat(256)]: 1 } },
      ]
    ) await assertRejects(() => channel.basicPublish("", name, "no", properties));
    await channel.basicPublish("", name, "yes", { headers: { large: "x".repeat(120_000) } });
    const { messageCount } = await channel.queueDeclare(name, { passive: true });
    assertEquals([messageCount, lost], [2, false]);
  } finally {
    await close();
  }
}

brokerTest("a message that cannot be encoded is refused before anything is sent", refusesAndGoesOn);

embeddedTest("over WebSocket too", async () => await refusesAndGoesOn(sharedBroker().wsUrl));

/** Whatever a message is, it is delivered, and so is what follows it. */
async function delivers(url: string, through: string): Promise<void> {
  await using raw = await RawClient.connect(url);
  const sending = await raw.channel();
  const { client, close } = await connectClient(through, options);
  try {
    const channel = await client.channel();
    const { name } = await channel.queueDeclare("", {});
    const messages = new Mailbox<AMQPMessage>("a message");
    await channel.basicConsume(name, { noAck: true }, (message) => messages.put(message));
    for (const [what, properties] of Object.entries(ODD)) {
      await sending.publish({ routingKey: name }, what, properties);
      assertEquals((await messages.next(5_000)).bodyString(), what);
    }
    assert(!client.closed);
    await channel.queueDelete(name);
  } finally {
    await close();
  }
}

brokerTest("whatever a message is, it is delivered, and so is what follows it", (url) => delivers(url, url));

embeddedTest("over WebSocket whatever a message is, it is delivered", (url) => delivers(url, sharedBroker().wsUrl));
