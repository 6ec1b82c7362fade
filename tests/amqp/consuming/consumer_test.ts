import { assert, assertEquals } from "@std/assert";
import { Connection } from "../../../lib/amqp/client/connection.ts";
import { Consumer, type Delivery } from "../../../lib/amqp/consuming/consumer.ts";
import { Topology } from "../../../lib/amqp/topology/topology.ts";
import { resolveFunctionConfig } from "../../../lib/invocation/definition/function_config.ts";
import { Logger } from "../../../lib/base/log.ts";
import { BrokerClient } from "../../support/broker_client.ts";
import { brokerTest } from "../../support/brokers.ts";
import { eventually } from "../../support/eventually.ts";

/** A consumer of a queue of its own, and what it got. */
class Consumed implements AsyncDisposable {
  readonly deliveries: Delivery[] = [];
  readonly lost: string[] = [];
  readonly consumer: Consumer;
  readonly #connection: Connection;

  constructor(url: string, queue: string) {
    const log = new Logger({ level: "silent" });
    this.#connection = new Connection({ urls: [url], name: "test", log });
    this.#connection.start();
    this.consumer = new Consumer({
      connection: this.#connection,
      topology: new Topology(log),
      definition: resolveFunctionConfig({ queue }, { name: "consumed", file: "/consumed.ts", version: "1" }),
      log,
      onDelivery: (delivery) => void this.deliveries.push(delivery),
      onLost: (reason) => void this.lost.push(reason),
    });
    this.consumer.start();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.consumer.close();
    await this.#connection.close();
  }
}

brokerTest("a consumer that retires closes its channel once all is settled", async (url) => {
  await using broker = await BrokerClient.connect(url);
  const queue = broker.queue("retiring");
  await broker.declare(queue);
  await broker.publish(queue, ["a", "b"]);
  await using consumed = new Consumed(url, queue);
  await eventually(() => consumed.deliveries.length === 2);
  let retired = false;
  const retiring = consumed.consumer.retire().then(() => retired = true);
  await eventually(async () => (await broker.count(queue)).consumers === 0);
  consumed.deliveries[0].ack();
  assert(!retired && consumed.deliveries[1].live);
  consumed.deliveries[1].requeue();
  await retiring;
  assertEquals([(await broker.count(queue)).messages, consumed.lost], [1, []]);
});

brokerTest("a consumer whose channel dies after its cancel waits for nothing of it any more", async (url) => {
  await using broker = await BrokerClient.connect(url);
  const queue = broker.queue("dying");
  await broker.declare(queue);
  await broker.publish(queue, ["a"]);
  await using consumed = new Consumed(url, queue);
  const [delivery] = await eventually(() => consumed.deliveries.length === 1 && consumed.deliveries);
  const retiring = consumed.consumer.retire();
  await eventually(async () => (await broker.count(queue)).consumers === 0);
  // Nothing was delivered with that number: the broker closes the channel.
  await delivery.message.channel.basicAck(999);
  await retiring;
  assertEquals([consumed.lost.length, delivery.live], [1, false]);
  await eventually(async () => (await broker.count(queue)).messages === 1);
});
