import { assertEquals } from "@std/assert";
import { OrphanWatch } from "../../../lib/runner/operating/orphans.ts";
import { FakeBroker } from "../../amqp/depth/fake_broker.ts";

Deno.test("all the queues that there can be are asked for once an hour, and what they hold once a minute", async () => {
  let now = 0;
  const broker = new FakeBroker({ "warren.orphans": [2, 0], "warren.retry.5000": [1, 0] });
  const lend = () => Promise.resolve({ client: broker.client, [Symbol.asyncDispose]: () => Promise.resolve() });
  const watch = new OrphanWatch({ lend, functions: () => [], now: () => now });
  const look = async () => {
    broker.asked.length = 0;
    const found = await watch.orphans();
    return [found.map(({ queue, messages }) => `${queue} ${messages}`).sort(), broker.asked.length];
  };
  const both = ["warren.orphans 2", "warren.retry.5000 1"];
  const [found, asked] = await look();
  assertEquals([found, Number(asked) > 700], [both, true]);
  assertEquals(await look(), [both, 0]);
  now += 60_000;
  assertEquals(await look(), [both, 2]);
  now += 3_600_000;
  assertEquals(Number((await look())[1]) > 700, true);
});

Deno.test("where the management API lists the queues, none is asked for that is not there", async () => {
  const broker = new FakeBroker({ "warren.orphans": [0, 0], "gone.dead": [3, 0] });
  const lend = () => Promise.resolve({ client: broker.client, [Symbol.asyncDispose]: () => Promise.resolve() });
  const management = { names: () => Promise.resolve(["warren.orphans", "gone.dead"]) };
  const watch = new OrphanWatch({ lend, functions: () => [], management });
  assertEquals((await watch.orphans()).map(({ queue, messages }) => [queue, messages]), [["gone.dead", 3]]);
  assertEquals(broker.asked.sort(), ["gone.dead", "warren.orphans"]);
});
