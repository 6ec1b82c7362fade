import { assertEquals } from "@std/assert";
import { eventually } from "../support/eventually.ts";
import { COMPLETED, FAILED } from "./fake_sandbox.ts";
import { settled } from "./fake_timers.ts";
import { QUEUE, Served } from "./served.ts";

const MINUTES = 60_000;

Deno.test("a message that nobody can copy gives its place back in the end", async () => {
  const one = await Served.start({ concurrency: 1, prefetch: 1, retry: { attempts: 1 } });
  one.broker.confirms = new Promise(() => {});
  await one.publish("stuck", "next");
  one.run("stuck").end(FAILED);
  await one.timers.pass(19 * MINUTES);
  assertEquals([one.ran, one.broker.delivered], [["v1: stuck"], 1]);
  await one.timers.pass(2 * MINUTES);
  assertEquals([one.said("goes back to its queue"), one.ran], [1, ["v1: stuck", "v1: stuck"]]);
  await one.close();
});

Deno.test("acks and dead letters leave no timer", async () => {
  const one = await Served.start({ retry: { attempts: 1 } });
  await one.publish("a", "b");
  one.run("a").end(FAILED);
  one.run("b").end(COMPLETED);
  await settled();
  await one.timers.pass(0);
  assertEquals([one.timers.waiting, one.served.running], [0, 0]);
  await one.close();
});

Deno.test("ten thousand messages whose headers cannot be read are dead letters, and the next one runs", async () => {
  const one = await Served.start({ concurrency: 1, prefetch: 20_000 });
  const headers = { "warren-malformed": "a table without an end" };
  one.broker.publish(QUEUE, Array.from({ length: 10_000 }, (_, index) => `${index}`), { headers });
  await one.publish("fine");
  await settled();
  assertEquals([one.ran, one.served.counts.undecodable], [["v1: fine"], 10_000]);
  await one.timers.pass(0);
  assertEquals(one.broker.bodies(`${QUEUE}.dead`).length, 10_000);
  await one.close();
});

Deno.test("outputs that nobody can take make a failure of it, by the version that ran it", async () => {
  const one = await Served.start({ retry: { attempts: 1 } });
  await one.publish("a");
  one.broker.refusesOutputs = true;
  one.run("a").end({ kind: "completed", result: { body: new Uint8Array(), contentType: undefined } });
  await settled();
  await one.timers.pass(0);
  assertEquals([one.served.counts.failed, one.broker.bodies(`${QUEUE}.dead`)], [1, ["a"]]);
  await one.close();
});

Deno.test("a suspect runs alone, and one that is proven is not run at all", async () => {
  const one = await Served.start({ prefetch: 10 });
  const returned = (count: number) => ({ headers: { "x-delivery-count": count } });
  one.broker.publish(QUEUE, ["guilty"], returned(5), true);
  await settled();
  await one.timers.pass(0);
  assertEquals([one.ran, one.broker.bodies(`${QUEUE}.dead`)], [[], ["guilty"]]);
  one.broker.publish(QUEUE, ["suspect"], returned(2), true);
  await eventually(() => one.runs.length === 1);
  assertEquals(one.ran, ["v1: suspect"]);
  one.run("suspect").end();
  await settled();
  assertEquals([one.served.running, one.served.counts.completed, one.served.counts.crashed], [0, 1, 1]);
  await one.close();
});
