import { assertEquals } from "@std/assert";
import { Connection } from "../../../lib/amqp/client/connection.ts";
import { OrderedConsumer } from "../../../lib/amqp/order/ordered_consumer.ts";
import { Topology } from "../../../lib/amqp/topology/topology.ts";
import { resolveFunctionConfig } from "../../../lib/invocation/definition/function_config.ts";
import { Logger } from "../../../lib/base/log.ts";
import { BrokerClient } from "../../support/broker_client.ts";
import { brokerTest } from "../../support/brokers.ts";
import { rabbitmqTest } from "../../support/rabbitmq.ts";
import { eventually } from "../../support/eventually.ts";
import { Proxy } from "../../support/proxy.ts";

brokerTest("a broker that does not answer does not keep an ordered function from draining", async (url) => {
  await using broker = await BrokerClient.connect(url);
  await using proxy = Proxy.for(url);
  const queue = broker.queue("ordered");
  broker.own(`${queue}.p0`);
  const log = new Logger({ level: "silent" });
  const connection = new Connection({ urls: [proxy.urlFor(url)], name: "test", log });
  connection.start();
  const config = { queue, order: { by: "routingKey", partitions: 1 } };
  const definition = resolveFunctionConfig(config, { name: "f", file: "/f.ts", version: "1" });
  let consuming = false;
  const consumer = new OrderedConsumer({
    connection,
    topology: new Topology(log),
    definition: { ...definition, order: definition.order! },
    log,
    onDelivery: () => {},
    onState: (state) => consuming = state,
  });
  consumer.start();
  await eventually(async () => (await broker.count(`${queue}.p0`)).consumers === 1);
  proxy.mode = "blackhole";
  // Its next look at who is there has no answer.
  await eventually(() => consuming);
  const begun = performance.now();
  await consumer.cancel();
  assertEquals([consuming, performance.now() - begun < 15_000], [false, true]);
  proxy.cut();
  await consumer.close();
  await connection.close();
});

brokerTest("a partition that is given back again and again is taken after growing pauses", async (url) => {
  await using broker = await BrokerClient.connect(url);
  const queue = broker.queue("ordered");
  broker.own(`${queue}.p0`);
  const log = new Logger({ level: "silent" });
  const connection = new Connection({ urls: [url], name: "test", log });
  connection.start();
  const config = { queue, order: { by: "routingKey", partitions: 1 } };
  const definition = resolveFunctionConfig(config, { name: "f", file: "/f.ts", version: "1" });
  const times: number[] = [];
  const consumer = new OrderedConsumer({
    connection,
    topology: new Topology(log),
    definition: { ...definition, order: definition.order! },
    log,
    onDelivery: (delivery) => {
      times.push(performance.now());
      delivery.requeue();
    },
  });
  consumer.start();
  await eventually(async () => (await broker.count(`${queue}.p0`)).consumers === 1);
  await broker.publish(queue, ["x"]);
  await eventually(() => times.length >= 5, { timeout: 20_000 });
  await consumer.close();
  await connection.close();
  assertEquals(times[4] - times[1] > 1_500, true, `${times.map((time) => time - times[0])}`);
});

rabbitmqTest("RabbitMQ: a runner that only waits for a quorum partition takes one that is nobody's", async (url) => {
  await using broker = await BrokerClient.connect(url);
  const queue = broker.queue("ordered");
  const partitions = [broker.own(`${queue}.p0`), broker.own(`${queue}.p1`)];
  const members = broker.own(`warren.members.${queue}`);
  const log = new Logger({ level: "silent" });
  const connection = new Connection({ urls: [url], name: "test", log });
  connection.start();
  const config = { queue: { name: queue, type: "quorum" }, order: { by: "routingKey", partitions: 2 } };
  const definition = resolveFunctionConfig(config, { name: "f", file: "/f.ts", version: "1" });
  const came: string[] = [];
  const topology = new Topology(log);
  const ordered = { ...definition, order: definition.order! };
  const client = await connection.opened();
  await topology.declare(client, definition);
  await topology.declareOrder(client, ordered);
  // Another runner, which is counted.
  const other = await client.channel();
  await other.basicConsume(members, { noAck: true }, () => {});
  const consumer = new OrderedConsumer({
    connection,
    topology,
    definition: ordered,
    log,
    onDelivery: (delivery) => {
      came.push(delivery.message.bodyString() ?? "");
      delivery.ack();
    },
  });
  consumer.start();
  const taken = async () => await Promise.all(partitions.map(async (name) => (await broker.count(name)).consumers));
  await eventually(async () => (await taken()).includes(1));
  const [mine, nobodys] = (await taken())[0] === 1 ? partitions : partitions.toReversed();
  // It took the same one at the same time, and is the one that waits from now on.
  await other.basicConsume(mine, { noAck: false }, () => {});
  await eventually(async () => (await broker.count(nobodys)).consumers === 1, { timeout: 30_000 });
  await broker.publish(nobodys, ["x"]);
  await eventually(() => came.length === 1);
  await consumer.close();
  await connection.close();
});
