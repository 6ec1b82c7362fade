import { AMQPClient } from "@cloudamqp/amqp-client";
import { assertEquals } from "@std/assert";
import { Connection } from "../../../lib/amqp/client/connection.ts";
import type { Delivery } from "../../../lib/amqp/consuming/consumer.ts";
import { OrderedConsumer } from "../../../lib/amqp/order/ordered_consumer.ts";
import { Topology } from "../../../lib/amqp/topology/topology.ts";
import { resolveFunctionConfig } from "../../../lib/invocation/definition/function_config.ts";
import { Logger } from "../../../lib/base/log.ts";
import { BrokerClient } from "../../support/broker_client.ts";
import { brokerTest } from "../../support/brokers.ts";
import { eventually } from "../../support/eventually.ts";
import { Proxy } from "../../support/proxy.ts";

/** A runner, as far as an ordered function with one partition goes. */
class Runner implements AsyncDisposable {
  readonly lines: string[] = [];
  readonly deliveries: Delivery[] = [];
  readonly #connection: Connection;
  readonly #consumer: OrderedConsumer;

  constructor(url: string, queue: string) {
    const log = new Logger({ level: "warn", write: (line) => void this.lines.push(line) });
    const about = { name: "f", file: "/f.ts", version: "1" };
    const definition = resolveFunctionConfig({ queue, order: { by: "routingKey", partitions: 1 } }, about);
    this.#connection = new Connection({ urls: [url], name: "test", log });
    this.#consumer = new OrderedConsumer({
      connection: this.#connection,
      topology: new Topology(log),
      definition: { ...definition, order: definition.order! },
      log,
      onDelivery: (delivery) => void this.deliveries.push(delivery),
    });
    this.#connection.start();
    this.#consumer.start();
  }

  async delivered(): Promise<Delivery> {
    return await eventually(() => this.deliveries.shift(), { what: "a delivery" });
  }

  /** In peace, whatever is not settled. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#consumer.close();
    await this.#connection.close();
  }
}

/** A partition with one message that came back so often. */
async function returned(url: string, broker: BrokerClient, times: number): Promise<string> {
  const queue = broker.queue("tried");
  broker.own(`${queue}.p0`);
  broker.own(`warren.trial.0.${queue}`);
  await broker.declare(`${queue}.p0`, true, { "x-queue-type": "quorum" });
  await broker.publish(`${queue}.p0`, ["x"]);
  const client = await new AMQPClient(url).connect();
  for (let count = 0; count < times;) {
    const channel = await client.channel();
    if (await channel.basicGet(`${queue}.p0`, { noAck: false })) count++;
    await channel.close();
  }
  await client.close();
  return queue;
}

brokerTest("a message that came back once is on no trial", async (url) => {
  await using broker = await BrokerClient.connect(url);
  const queue = await returned(url, broker, 1);
  await using runner = new Runner(url, queue);
  assertEquals((await runner.delivered()).trial, undefined);
});

brokerTest("a runner that is gone without a word is a death, and one that gives back is none", async (url) => {
  await using broker = await BrokerClient.connect(url);
  const queue = await returned(url, broker, 2);
  const proxy = Proxy.for(url);
  const deaths: (number | undefined)[] = [];
  {
    await using gone = new Runner(proxy.urlFor(url), queue);
    const delivery = await gone.delivered();
    deaths.push(delivery.trial?.deaths);
    await delivery.trial?.begin();
    await proxy[Symbol.asyncDispose]();
  }
  for (const end of ["gives back", "closes", "ends"]) {
    await using runner = new Runner(url, queue);
    const delivery = await runner.delivered();
    deaths.push(delivery.trial?.deaths);
    await delivery.trial?.begin();
    if (end === "gives back") delivery.requeue();
    if (end === "ends") delivery.ack();
  }
  assertEquals(deaths, [0, 1, 1, 1]);
  const left = async () => (await broker.count(`warren.trial.0.${queue}`)).messages;
  await eventually(async () => await left() === 0, { what: "no note to be left of a message that is done" });
});

brokerTest("a message that came back ten times is a warning that names the policy to set", async (url) => {
  await using broker = await BrokerClient.connect(url);
  const queue = await returned(url, broker, 10);
  await using runner = new Runner(url, queue);
  await runner.delivered();
  const warned = runner.lines.filter((line) => line.includes("set_policy") && line.includes(`${queue}.p0`));
  assertEquals(warned.length, 1, `${runner.lines}`);
});
