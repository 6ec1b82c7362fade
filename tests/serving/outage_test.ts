import { assert, assertEquals } from "@std/assert";
import type { FunctionConfig } from "../../lib/mod.ts";
import { COMPLETED, FAILED } from "./fake_sandbox.ts";
import { settled } from "./fake_timers.ts";
import { BY_HAND, QUEUE, Served } from "./served.ts";

/** A function that its kill switch stops after so many failures. */
function switched(minimum: number, config: FunctionConfig = {}): FunctionConfig {
  return {
    concurrency: 4,
    retry: { attempts: 3, delay: 500, jitter: 0 },
    killSwitch: { window: "1m", errorRate: 0.5, minimum, coolDown: "1s" },
    ...config,
  };
}

const TWELVE = Array.from({ length: 12 }, (_, index) => `${index}`);

Deno.test("twelve messages with three attempts survive an outage of 45 seconds", async () => {
  const one: Served = new Served(switched(4), { handler: () => one.timers.now() < 45_000 ? FAILED : COMPLETED });
  one.served.start();
  await settled();
  await one.publish(...TWELVE);
  await one.timers.pass(44_999);
  assertEquals([one.served.state, one.served.counts.completed], ["paused", 0]);
  const tried = one.runs.length;
  assert(tried > 40 && tried < 60, `${tried} runs in 45 s`);
  await one.timers.pass(10_000);
  assertEquals([one.served.state, one.served.counts.completed], ["serving", 12]);
  assertEquals([one.broker.bodies(QUEUE), one.broker.bodies(`${QUEUE}.dead`)], [[], []]);
  await one.close();
});

Deno.test("each message is tried in its turn, as the same attempt", async () => {
  const one = await Served.start(switched(1, { concurrency: 1, prefetch: 1 }), { handler: () => FAILED });
  await one.publish("a", "b", "c");
  await one.timers.pass(6_000);
  assertEquals(one.ran.slice(0, 4), ["v1: a", "v1: b", "v1: c", "v1: a"]);
  // The one that tripped it is the only one that lost an attempt.
  assertEquals(Math.max(...one.runs.map(({ invocations }) => invocations[0].attempt)), 2);
  await one.close();
});

Deno.test("the log says of every failed probe that it costs no attempt, of an ordered function's too", async () => {
  for (const config of [{}, { order: { by: "routingKey" } }] satisfies FunctionConfig[]) {
    const one = await Served.start(switched(1, { concurrency: 1, prefetch: 1, ...config }), { handler: () => FAILED });
    await one.publish("a");
    await one.timers.pass(2_500);
    const failures = one.lines.filter(({ message }) => message === "failed: no");
    assert(failures.length > 1);
    assertEquals(
      failures.slice(1).map(({ probe, retryIn }) => [probe, retryIn]),
      failures.slice(1).map(() => ["costs no attempt", undefined]),
    );
    await one.close();
  }
});

Deno.test("while it probes, what began before the trip decides nothing", async () => {
  const one = await Served.start(switched(1));
  await one.publish("slow", "slower", "x");
  one.run("x").end(FAILED);
  await settled();
  assertEquals(one.served.state, "paused");
  await one.timers.pass(1_000);
  assertEquals(one.runs.length, 4);
  one.run("slow").end(COMPLETED);
  await settled();
  assertEquals([one.served.state, one.said("one message went through")], ["paused", 0]);
  one.run("slower").end(FAILED);
  await settled();
  assertEquals(one.said("the probe failed too"), 0);
  one.run("x").end(COMPLETED);
  await settled();
  assertEquals([one.served.state, one.said("one message went through")], ["serving", 1]);
  await one.close();
});

Deno.test("a failed probe does not come straight back to the consumer that is being cancelled", async () => {
  const one = await Served.start(switched(1));
  await one.publish("x");
  one.run("x").end(FAILED);
  await one.timers.pass(1_000);
  const cancel = Promise.withResolvers<void>();
  one.broker.cancels = cancel.promise;
  one.run("x").end(FAILED);
  await one.timers.pass(500);
  assertEquals([one.runs.length, one.broker.bodies(QUEUE)], [2, []]);
  cancel.resolve();
  await one.timers.pass(0);
  assertEquals([one.runs.length, one.broker.bodies(QUEUE)], [2, ["x"]]);
  await one.close();
});

Deno.test("a failed probe of an ordered function keeps its place", async () => {
  const one = await Served.start(switched(1, { order: { by: "routingKey" } }), { handler: () => FAILED });
  await one.publish("a");
  await one.timers.pass(3_500);
  assertEquals([one.broker.bodies(QUEUE), one.broker.attempts(QUEUE), one.served.running], [["a"], [1], 0]);
  assert(one.runs.length >= 3 && one.runs.length <= 5, `${one.runs.length} runs`);
  await one.close();
});

Deno.test("a hand that pauses a function whose switch has tripped keeps it paused", async () => {
  const one = await Served.start(switched(1));
  await one.publish("x");
  one.run("x").end(FAILED);
  await settled();
  await one.served.pause("here", BY_HAND);
  await one.timers.pass(60_000);
  assertEquals([one.served.state, one.served.detail, one.runs.length], ["paused", BY_HAND, 1]);
  one.served.resume("here");
  await settled();
  assertEquals([one.served.state, one.runs.length], ["serving", 2]);
  await one.close();
});
