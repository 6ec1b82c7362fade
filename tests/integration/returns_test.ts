import { assertEquals } from "@std/assert";
import { connectClient } from "../../lib/amqp/client/client.ts";
import { Topology } from "../../lib/amqp/topology/topology.ts";
import { resolveFunctionConfig } from "../../lib/invocation/definition/function_config.ts";
import { Logger } from "../../lib/base/log.ts";
import type { QueueType } from "../../lib/settings/queue_type.ts";
import { BrokerClient } from "../support/broker_client.ts";
import { brokerTest } from "../support/brokers.ts";
import { privateNodeTest, startPrivateNode } from "../support/rabbitmq.ts";

/** More than the 20 after which RabbitMQ 4 drops a message by itself. */
const RETURNS = 25;

for (const type of ["classic", "quorum", undefined] as const) {
  brokerTest(`no queue that is declared drops what comes back again and again, type ${type}`, async (url) => {
    await using broker = await BrokerClient.connect(url);
    await keepsAll(url, broker, type);
  });
}

privateNodeTest("RabbitMQ: nor does one whose vhost makes quorum queues of those that name no type", async () => {
  await using node = await startPrivateNode();
  await node.ctl("update_vhost_metadata", "/", "--default-queue-type", "quorum");
  await using broker = await BrokerClient.connect(node.url);
  const kinds = await keepsAll(node.url, broker, undefined);
  const rows = (await node.ctl("list_queues", "--no-table-headers", "name", "type")).trim().split("\n");
  for (const queue of kinds) assertEquals(rows.find((row) => row.startsWith(`${queue}\t`))?.split("\t")[1], "quorum");
}, { newer: true });

/** Declares all that Warren consumes from, gives a message back often, and finds it. Gives the queues' names. */
async function keepsAll(url: string, broker: BrokerClient, queueType: QueueType | undefined): Promise<string[]> {
  const queue = broker.queue("returns");
  const definition = resolveFunctionConfig(
    { queue, order: { by: "routingKey", partitions: 1 }, schedule: "0 3 * * *" },
    { name: "returns", file: "/returns.ts", version: "1" },
  );
  const own = [`${queue}.dead`, `${queue}.p0`, `warren.schedule.${queue}`, `warren.members.${queue}`];
  for (const name of own) broker.own(name);
  const { client, close } = await connectClient(url, { heartbeat: 0, name: "test" });
  try {
    const topology = new Topology(new Logger({ level: "silent" }), { queueType });
    await topology.declare(client, definition);
    await topology.declareOrder(client, { ...definition, order: definition.order! });
    await topology.declareSchedule(client, definition);
    const queues = [queue, `${queue}.dead`, `${queue}.p0`, `warren.schedule.${queue}`];
    for (const name of queues) {
      await broker.publish(name, ["kept"]);
      const { promise: returned, resolve } = Promise.withResolvers<string>();
      const channel = await client.channel();
      let count = 0;
      await channel.basicQos(1);
      await channel.basicConsume(name, { noAck: false }, (message) => {
        if (++count > RETURNS) return resolve(message.bodyString() ?? "");
        void message.reject(true);
      });
      assertEquals(await returned, "kept", name);
      await channel.close();
    }
    return queues;
  } finally {
    await close();
  }
}
