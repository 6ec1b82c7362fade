import { assert, assertEquals } from "@std/assert";
import { Connection } from "../../../lib/amqp/client/connection.ts";
import { FleetLink } from "../../../lib/amqp/fleet/fleet_link.ts";
import { Logger } from "../../../lib/base/log.ts";
import { BrokerClient } from "../../support/broker_client.ts";
import { brokerTest } from "../../support/brokers.ts";
import { eventually } from "../../support/eventually.ts";
import { Proxy } from "../../support/proxy.ts";
import { uniqueName } from "../../support/unique.ts";

/** A link with connections of its own, and what it heard. */
class Linking implements AsyncDisposable {
  readonly heard: string[] = [];
  readonly link: FleetLink;
  readonly #connections: Connection[];
  ups = 0;

  constructor(url: string, exchange: string) {
    const log = new Logger({ level: "silent" });
    const [consuming, publishing] = this.#connections = ["hears", "speaks"].map((name) =>
      new Connection({ urls: [url], name, log })
    );
    this.link = new FleetLink({
      consuming,
      publishing,
      log,
      exchange,
      deafAfter: 300,
      onMessage: (body) => void this.heard.push(new TextDecoder().decode(body)),
      onUp: () => this.ups++,
    });
    for (const connection of this.#connections) connection.start();
    this.link.start();
  }

  async ready(): Promise<void> {
    await eventually(() => this.link.up && this.#connections[1].state.connected);
  }

  say(text: string, to?: string): boolean {
    return this.link.send(new TextEncoder().encode(text), to);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.link.close();
    await Promise.all(this.#connections.map((connection) => connection.close()));
  }
}

brokerTest("what one runner says all hear, itself too, and what is for one only that one", async (url) => {
  const exchange = uniqueName("fleet");
  await using one = new Linking(url, exchange);
  await using two = new Linking(url, exchange);
  await Promise.all([one.ready(), two.ready()]);
  assert(one.say("to all"));
  await eventually(() => one.heard.length === 1 && two.heard.length === 1);
  assert(one.say("to two", two.link.address));
  await eventually(() => two.heard.length === 2);
  assertEquals([one.heard, two.heard], [["to all"], ["to all", "to two"]]);
});

brokerTest("a link that lost its connection has a queue again on the next one", async (url) => {
  const exchange = uniqueName("fleet");
  await using proxy = Proxy.for(url);
  await using one = new Linking(proxy.urlFor(url), exchange);
  await using two = new Linking(url, exchange);
  await Promise.all([one.ready(), two.ready()]);
  const before = one.link.address;
  proxy.cut();
  await eventually(() => one.ups === 2 && one.link.address !== before);
  await one.ready();
  assert(two.say("again"));
  await eventually(() => one.heard.includes("again"));
  assert(one.say("here"));
  await eventually(() => two.heard.includes("here"));
});

brokerTest("runners hear each other again after somebody deleted the exchange", async (url) => {
  const exchange = uniqueName("fleet");
  await using broker = await BrokerClient.connect(url);
  await using one = new Linking(url, exchange);
  await using two = new Linking(url, exchange);
  await Promise.all([one.ready(), two.ready()]);
  await broker.deleteExchange(exchange);
  for (const each of [one, two]) {
    await eventually(() => {
      each.say("are you there?");
      return each.ups > 1;
    });
  }
  await Promise.all([one.ready(), two.ready()]);
  await eventually(() => {
    one.say("from one");
    two.say("from two");
    return one.heard.includes("from two") && two.heard.includes("from one");
  });
});

brokerTest("what a link says last arrives", async (url) => {
  const exchange = uniqueName("fleet");
  await using hears = new Linking(url, exchange);
  await hears.ready();
  {
    await using leaves = new Linking(url, exchange);
    await leaves.ready();
    leaves.say("goodbye");
  }
  await eventually(() => hears.heard.includes("goodbye"));
});

brokerTest("a link sends nothing into queues that belong to no runner, whoever asks for it", async (url) => {
  const exchange = uniqueName("fleet");
  await using broker = await BrokerClient.connect(url);
  const queue = broker.queue("work");
  await broker.declare(queue);
  await using one = new Linking(url, exchange);
  await one.ready();
  assertEquals([one.say("an answer", queue), one.say("an answer", ""), one.say("an answer", one.link.address)], [
    false,
    false,
    true,
  ]);
  await eventually(() => one.heard.includes("an answer"));
  assertEquals((await broker.count(queue)).messages, 0);
});
