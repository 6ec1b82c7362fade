import { CANCELLED } from "../../lib/amqp/consuming/consumer.ts";
import { assert, assertEquals } from "@std/assert";
import { COMPLETED, FAILED } from "./fake_sandbox.ts";
import { settled } from "./fake_timers.ts";
import { BY_HAND, QUEUE, Served } from "./served.ts";

const TIMED_OUT = "channel 1 closed: PRECONDITION_FAILED - delivery acknowledgement on channel 1 timed out. " +
  "Timeout value used: 60000 ms (406)";

/** Loses the channel of the consumer, with what is on it. */
async function lose(one: Served, reason = "the connection is lost"): Promise<void> {
  one.broker.consumerOf(QUEUE)!.lose(reason);
  await settled();
}

Deno.test("what runs is aborted when its delivery is gone, and does not run beside itself", async () => {
  const one = await Served.start({ concurrency: 5, prefetch: 10 });
  await one.publish("a", "b");
  const [a, b] = one.runs;
  await lose(one);
  assert(a.cancelled !== undefined && b.cancelled !== undefined);
  assertEquals([one.ran, one.served.running], [["v1: a", "v1: b"], 4]);
  b.end(FAILED);
  await settled();
  assertEquals(one.ran, ["v1: a", "v1: b", "v1: b"]);
  assertEquals([one.served.counts.failed, one.broker.bodies(QUEUE)], [0, []]);
  await one.close();
});

Deno.test("a late success is said, and its message runs again", async () => {
  const one = await Served.start({ output: { exchange: "", routingKey: "out" } });
  await one.publish("a");
  await lose(one);
  one.run("a").end({ kind: "completed", result: { body: new Uint8Array(), contentType: undefined } });
  await settled();
  assertEquals([one.said("completed after the broker had taken its message back"), one.ran.length], [1, 2]);
  assertEquals([one.broker.published, one.served.counts.completed], [[], 0]);
  one.run("a").end(COMPLETED);
  await settled();
  assertEquals([one.served.counts.completed, one.served.running], [1, 0]);
  await one.close();
});

for (const reason of [TIMED_OUT, CANCELLED]) {
  Deno.test(`the log names both settings when the broker's consumer timeout is the shorter one: ${reason}`, async () => {
    const one = await Served.start({ timeout: "90s" });
    await one.publish("a");
    await lose(one, reason);
    const [line] = one.lines.filter(({ level }) => level === "error");
    for (const text of ["consumer_timeout", '"timeout"', "90 s"]) assert(line.message.includes(text), line.message);
    await lose(one);
    assertEquals(one.lines.filter(({ level }) => level === "error").length, 1);
    await one.close();
  });
}

Deno.test("the log has the ids of the messages that are lost, where they have one", async () => {
  const one = await Served.start();
  await one.publish("a");
  await lose(one);
  const line = one.lines.find(({ message }) => message.includes("took back 1 message"));
  assertEquals(line && "messageIds" in line, false);
  await one.close();
});

Deno.test("another message with the same body, which was not delivered before, does not wait", async () => {
  const one = await Served.start({ concurrency: 5, prefetch: 10 });
  await one.publish("a");
  await lose(one);
  await one.publish("a");
  assertEquals(one.ran.length, 2);
  await one.close();
});

Deno.test("however often it is lost, one message runs once at a time", async () => {
  const one = await Served.start({ concurrency: 5, prefetch: 10 });
  await one.publish("a");
  for (let count = 0; count < 3; count++) await lose(one);
  assertEquals([one.runs.length, one.served.running], [1, 2]);
  one.run("a").end();
  await settled();
  assertEquals([one.runs.length, one.served.running], [2, 1]);
  one.run("a").end();
  await settled();
  assertEquals([one.served.running, one.served.counts.completed], [0, 1]);
  await one.close();
});

Deno.test("of messages that are all alike, as many run at a time as there are", async () => {
  const one = await Served.start({ concurrency: 5, prefetch: 10 });
  await one.publish("x", "x");
  await lose(one);
  assertEquals([one.runs.length, one.served.running], [2, 4]);
  one.runs[1].end();
  await settled();
  assertEquals([one.runs.length, one.served.running], [3, 3]);
  one.runs[0].end();
  await settled();
  assertEquals([one.runs.length, one.served.running], [4, 2]);
  await one.close();
});

Deno.test("what waited for a place when its delivery went away takes none", async () => {
  const one = await Served.start({ concurrency: 1, prefetch: 20_000 });
  await one.publish("first", ...Array.from({ length: 15_000 }, (_, index) => `${index}`));
  const { cancelled: _, ...first } = one.run("first");
  assertEquals(first.ended, false);
  one.broker.consumerOf(QUEUE)!.lose("the connection is lost");
  await settled();
  one.run("first").end();
  await settled();
  assertEquals([one.runs.length, one.served.running], [2, 15_001]);
  for (const body of ["0", "1", "2"]) {
    one.runs.at(-1)!.end();
    await settled();
    assert(one.ran.length > Number(body) + 2);
  }
  await one.close();
});

Deno.test("a batch is aborted once all its messages are gone", async () => {
  const one = await Served.start({ batch: { size: 2, wait: 1_000 }, prefetch: 10 });
  await one.publish("a", "b");
  await lose(one);
  assertEquals(one.runs.map(({ cancelled }) => cancelled !== undefined), [true]);
  await one.timers.pass(1_000);
  assertEquals(one.runs.length, 1);
  one.runs[0].end();
  await one.timers.pass(1_000);
  assertEquals(one.runs.map(({ bodies }) => bodies.toSorted()), [["a", "b"], ["a", "b"]]);
  await one.close();
});

Deno.test("what waits for the end of itself goes back when the function is paused", async () => {
  const one = await Served.start({ prefetch: 10 });
  await one.publish("a");
  await lose(one);
  await one.served.pause("here", BY_HAND);
  assertEquals([one.broker.bodies(QUEUE), one.served.running], [["a"], 1]);
  one.run("a").end();
  await settled();
  assertEquals([one.served.running, one.runs.length], [0, 1]);
  await one.close();
});
