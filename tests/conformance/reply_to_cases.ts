import { assertEquals, assertMatch } from "@std/assert";
import type { RawChannel } from "../support/amqp/raw_channel.ts";
import type { Broker, ConformanceCase } from "./conformance_case.ts";
import { exclusiveQueue, openChannel } from "./helpers.ts";

const REPLY_TO = "amq.rabbitmq.reply-to";

interface Call {
  /** Where the request came from. */
  caller: RawChannel;
  /** The caller's consumer. */
  consumerTag: string;
  /** Who answers it. */
  server: RawChannel;
  /** What the server sees in place of the caller's reply-to. */
  replyTo: string;
}

/** A request that has reached its server. */
async function request(broker: Broker): Promise<Call> {
  const [client, other] = [await broker.client(), await broker.client()];
  const [caller, server] = [await client.channel(), await other.channel()];
  const queue = await exclusiveQueue(server);
  await server.consume(queue, { noAck: true });
  const consumerTag = await caller.consume(REPLY_TO, { noAck: true });
  await caller.publish({ routingKey: queue }, "question", { replyTo: REPLY_TO, correlationId: "1" });
  const { properties } = await server.nextDelivery();
  return { caller, consumerTag, server, replyTo: properties.replyTo! };
}

/** Direct reply-to: answers without a queue. */
export const replyToCases: ConformanceCase[] = [
  {
    name: "direct reply-to gives the server a name to answer to, and the caller the answer",
    async run(broker) {
      const { caller, server, replyTo } = await request(broker);
      assertMatch(replyTo, /^amq\.rabbitmq\.reply-to\../);
      await server.publish({ routingKey: replyTo }, "answer", { correlationId: "1" });
      const answer = await caller.nextDelivery();
      assertEquals([answer.text, answer.properties.correlationId], ["answer", "1"]);
      assertEquals([answer.envelope.exchange, answer.envelope.routingKey, answer.redelivered], ["", replyTo, false]);
    },
  },
  {
    name: "a direct reply consumer with acks is refused with 406",
    async run(broker) {
      const channel = await openChannel(broker);
      await channel.refused(406, "basic.consume", { queue: REPLY_TO });
    },
  },
  {
    name: "a second direct reply consumer on the channel is refused with 406",
    async run(broker) {
      const channel = await openChannel(broker);
      await channel.consume(REPLY_TO, { noAck: true });
      await channel.refused(406, "basic.consume", { queue: REPLY_TO, noAck: true });
    },
  },
  {
    name: "a request with a direct reply-to from a channel without its consumer is refused with 406",
    async run(broker) {
      const channel = await openChannel(broker);
      await channel.publish({ routingKey: broker.name("absent") }, "question", { replyTo: REPLY_TO });
      await channel.expectClose(406, "basic.publish");
    },
  },
  {
    name: "a passive declaration tells whether the caller is still there",
    async run(broker) {
      const { caller, server, replyTo } = await request(broker);
      const declared = await server.call("queue.declare", { queue: replyTo, passive: true });
      assertEquals(declared, { queue: replyTo, messageCount: 0, consumerCount: 1 });
      await caller.close();
      await server.refused(404, "queue.declare", { queue: replyTo, passive: true });
    },
  },
  {
    name: "an answer to a caller that is gone is dropped, or comes back where it is mandatory",
    async run(broker) {
      const { caller, server, replyTo } = await request(broker);
      await caller.close();
      assertEquals((await server.publishConfirmed({ routingKey: replyTo }, "late")).kind, "ack");
      await server.publish({ routingKey: replyTo, mandatory: true }, "later");
      assertEquals((await server.returns.next(5_000)).text, "later");
    },
  },
  {
    name: "a mandatory answer comes back, for the name is no queue, and still the caller has it",
    async run(broker) {
      const { caller, server, replyTo } = await request(broker);
      await server.publish({ routingKey: replyTo, mandatory: true }, "answer");
      assertEquals((await caller.nextDelivery()).text, "answer");
      assertEquals((await server.returns.next(5_000)).envelope.replyCode, 312);
    },
  },
  {
    name: "a direct reply consumer may be cancelled and started again, under another name for the servers",
    async run(broker) {
      const { caller, consumerTag, server, replyTo } = await request(broker);
      await caller.call("basic.cancel", { consumerTag });
      await caller.consume(REPLY_TO, { noAck: true });
      await server.refused(404, "queue.declare", { queue: replyTo, passive: true });
    },
  },
  {
    name: "a name for answers that nobody has given out is no queue",
    async run(broker) {
      const channel = await openChannel(broker);
      await channel.refused(404, "queue.declare", { queue: `${REPLY_TO}.invented`, passive: true });
    },
  },
  {
    name: "the reply-to of a direct reply consumer is rewritten in every message that its channel sends",
    async run(broker) {
      const { caller, server, replyTo } = await request(broker);
      const queue = await exclusiveQueue(server);
      await caller.publishConfirmed({ routingKey: queue }, "one", { replyTo: REPLY_TO });
      await caller.publishConfirmed({ routingKey: queue }, "two", { replyTo: "mine" });
      assertEquals((await server.mustGet(queue, true)).properties.replyTo, replyTo);
      assertEquals((await server.mustGet(queue, true)).properties.replyTo, "mine");
    },
  },
  {
    name: "a passive declaration of the pseudo queue itself is answered",
    async run(broker) {
      const channel = await openChannel(broker);
      const declared = await channel.call("queue.declare", { queue: REPLY_TO, passive: true });
      assertEquals(declared, { queue: REPLY_TO, messageCount: 0, consumerCount: 1 });
    },
  },
  {
    name: "many answers come to one caller in their order",
    async run(broker) {
      const { caller, server, replyTo } = await request(broker);
      const texts = Array.from({ length: 50 }, (_, index) => `${index}`);
      for (const text of texts) server.publish({ routingKey: replyTo }, text);
      for (const text of texts) assertEquals((await caller.nextDelivery()).text, text);
    },
  },
];
