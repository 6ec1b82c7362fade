import { assert, assertEquals } from "@std/assert";
import { BrokerAnnouncement } from "../../../lib/amqp/client/broker_announcement.ts";
import type { BrokerIdentity } from "../../../lib/amqp/client/client.ts";
import { isAtLeast, knownDifferences } from "../../../lib/amqp/client/known_brokers.ts";
import { Logger } from "../../../lib/base/log.ts";
import { difference } from "../../conformance/differences.ts";
import { conformance, runCase } from "../../conformance/suite.ts";
import { openChannel } from "../../conformance/helpers.ts";
import { brokerIdentity } from "../../support/broker_version.ts";
import { brokerTest } from "../../support/brokers.ts";
import type { TableInput } from "../../support/amqp/raw_codec.ts";
import { rabbitmqTest } from "../../support/rabbitmq.ts";

const rabbitmq = (version: string): BrokerIdentity => ({ product: "RabbitMQ", version });
const isTold = (broker: BrokerIdentity, id: string) => knownDifferences(broker).some((one) => one.id === id);

Deno.test("versions are compared by their numbers", () => {
  for (const [version, least] of [["4.0.5", "4.0"], ["4.10.0", "4.3"], ["4.3", "4.3.0"], ["3.10.8", "3.10"]]) {
    assert(isAtLeast(version, least), `${version} is at least ${least}`);
  }
  for (const [version, least] of [["4.0.5", "4.3"], ["3.13.7", "4.0"], ["3.9.1", "3.10"], ["", "3.10"]]) {
    assert(!isAtLeast(version, least), `${version} is before ${least}`);
  }
});

Deno.test("what differs begins and ends with a version", () => {
  const ids = (broker: BrokerIdentity) => knownDifferences(broker).map(({ id }) => id);
  assertEquals(ids(rabbitmq("3.10.8")), ["delivery-limit-minus-one"]);
  assertEquals(ids(rabbitmq("4.0.5")), ["delivery-limit-of-20", "late-retries"]);
  const later = ["nack-not-counted", "no-global-prefetch", "consumer-timeout", "lost-node"];
  assertEquals(ids(rabbitmq("4.3.6")), [...ids(rabbitmq("4.0.5")), ...later]);
  assertEquals(ids({ product: "Warren", version: "0.1.0" }), ["one-copy"]);
});

Deno.test("what no test runs on is said to be not tested", () => {
  for (const product of ["LavinMQ", "Some Broker"]) {
    const [{ id, text }, ...others] = knownDifferences({ product, version: "2.9.0" });
    assertEquals([id, text], ["not-tested", `not tested: no test of Warren runs on ${product}`]);
    assertEquals(others.filter((one) => !one.text.startsWith("not tested: ")), []);
  }
});

Deno.test("what the conformance suite knows to differ is told of the same versions", () => {
  const cases = {
    "nack-not-counted": "a quorum queue counts deliveries that came back in x-delivery-count",
    "no-global-prefetch": "a global prefetch bounds all consumers of the channel together",
  };
  for (const [id, name] of Object.entries(cases)) {
    assert(conformance.some((one) => one.name === name), name);
    for (const version of ["3.10.8", "4.0.5", "4.3.6"]) {
      assertEquals(isTold(rabbitmq(version), id), difference(name, "rabbitmq", version) !== undefined, id + version);
    }
  }
});

Deno.test("a broker is announced once, and again when it has become another version", () => {
  const lines: string[] = [];
  const log = new Logger({ level: "info", write: (line) => void lines.push(JSON.parse(line).message) });
  const announcement = new BrokerAnnouncement(log);
  for (const version of ["3.10.8", "3.10.8", "4.0.5", "3.10.8"]) {
    announcement.announce(rabbitmq(version), "amqp://host");
  }
  assertEquals(lines.filter((line) => line.startsWith("broker: ")), [
    "broker: RabbitMQ 3.10.8 at amqp://host",
    "broker: RabbitMQ 4.0.5 at amqp://host",
  ]);
  const expected = ["3.10.8", "4.0.5"].flatMap((version) =>
    knownDifferences(rabbitmq(version)).map(({ text }) => `RabbitMQ ${version}: ${text}`)
  );
  assertEquals(lines.filter((line) => !line.startsWith("broker: ")), expected);
});

Deno.test("where the name was logged before, only what differs is logged", () => {
  const lines: string[] = [];
  const log = new Logger({ level: "info", write: (line) => void lines.push(JSON.parse(line).message) });
  new BrokerAnnouncement(log, { named: false }).announce(rabbitmq("3.10.8"), "amqp://host");
  assertEquals(lines, knownDifferences(rabbitmq("3.10.8")).map(({ text }) => `RabbitMQ 3.10.8: ${text}`));
});

type Returned = "comes again" | "is given up";

rabbitmqTest("RabbitMQ: x-delivery-limit -1 does at the first return what is told of it", async (url) => {
  const told = isTold(await brokerIdentity(url), "delivery-limit-minus-one");
  assertEquals(await returned(url, { "x-delivery-limit": -1 }, 1), told ? "is given up" : "comes again");
});

rabbitmqTest(
  "RabbitMQ: x-consumer-disconnected-timeout has to be a number where it is told of, else it means nothing",
  async (url) => {
    const told = isTold(await brokerIdentity(url), "lost-node");
    const args = (timeout: number | string) => ({
      "x-queue-type": "quorum",
      "x-consumer-disconnected-timeout": timeout,
    });
    await runCase({
      name: "a queue with the argument",
      async run(broker) {
        const channel = await openChannel(broker);
        const wrong = { queue: broker.name("quorum"), durable: true, arguments: args("soon") };
        await channel.call("queue.declare", { queue: broker.name("quorum"), durable: true, arguments: args(0) });
        if (told) await channel.refused(406, "queue.declare", wrong);
        else await channel.call("queue.declare", wrong);
      },
    }, url);
  },
);

brokerTest("a message that comes back for the 21st time to a plain quorum queue fares as is told", async (url) => {
  const expected: Returned = isTold(await brokerIdentity(url), "delivery-limit-of-20") ? "is given up" : "comes again";
  assertEquals(await returned(url, {}, 20), "comes again");
  assertEquals(await returned(url, {}, 21), expected);
});

/** What becomes of a message of a quorum queue that comes back so often. */
async function returned(url: string, args: TableInput, times: number): Promise<Returned> {
  let fate: Returned = "comes again";
  await runCase({
    name: `${times} returns`,
    async run(broker) {
      const channel = await openChannel(broker);
      const [queue, dead] = [broker.name("quorum"), broker.name("dead")];
      await channel.call("queue.declare", { queue: dead, durable: true });
      const letters = { "x-dead-letter-exchange": "", "x-dead-letter-routing-key": dead };
      const all = { "x-queue-type": "quorum", ...letters, ...args };
      await channel.call("queue.declare", { queue, durable: true, arguments: all });
      await channel.publishConfirmed({ routingKey: queue }, "one");
      await channel.consume(queue, { consumerTag: "work" });
      await channel.consume(dead, { consumerTag: "dead" });
      for (let count = 0; count < times; count++) await channel.reject((await channel.nextDelivery()).tag, true);
      if ((await channel.nextDelivery()).envelope.consumerTag === "dead") fate = "is given up";
    },
  }, url);
  return fate;
}
