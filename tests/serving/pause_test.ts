import { assertEquals } from "@std/assert";
import { COMPLETED, FAILED } from "./fake_sandbox.ts";
import { settled } from "./fake_timers.ts";
import { BY_HAND, QUEUE, Served } from "./served.ts";

Deno.test("a pause gives a partial batch back instead of starting it", async () => {
  const one = await Served.start({ batch: { size: 10, wait: 1_000 }, prefetch: 10 });
  await one.publish("a", "b");
  await one.served.pause("here", BY_HAND);
  assertEquals([one.ran, one.broker.bodies(QUEUE).toSorted(), one.served.running], [[], ["a", "b"], 0]);
  await one.timers.pass(10_000);
  assertEquals(one.ran, []);
  one.served.resume("here");
  await one.timers.pass(1_000);
  assertEquals(one.runs.map(({ bodies }) => bodies.toSorted()), [["a", "b"]]);
  await one.close();
});

Deno.test("a pause lets what runs end, and what is being settled be settled, and gives back what waits", async () => {
  const one = await Served.start({ concurrency: 2, prefetch: 10, retry: { attempts: 2, delay: 1_000, jitter: 0 } });
  const confirmed = Promise.withResolvers<void>();
  await one.publish("settling", "running", "waiting");
  one.broker.confirms = confirmed.promise;
  one.run("settling").end(FAILED);
  await settled();
  await one.publish("waiting too");
  await one.served.pause("here", BY_HAND);
  assertEquals(one.broker.bodies(QUEUE), ["waiting too"]);
  confirmed.resolve();
  one.run("running").end(COMPLETED);
  one.run("waiting").end(COMPLETED);
  await settled();
  assertEquals([one.served.running, one.served.counts.completed, one.broker.consumers.size], [0, 2, 0]);
  await one.timers.pass(1_000);
  assertEquals([one.broker.bodies(QUEUE), one.broker.attempts(QUEUE)], [["waiting too", "settling"], [1, 2]]);
  await one.close();
});

Deno.test("what still comes while the consumer is being cancelled goes back once it is", async () => {
  const one = await Served.start({ prefetch: 10 });
  const cancel = Promise.withResolvers<void>();
  one.broker.cancels = cancel.promise;
  const paused = one.served.pause("here", BY_HAND);
  await one.publish("late");
  assertEquals([one.ran, one.broker.delivered], [[], 1]);
  cancel.resolve();
  await paused;
  await settled();
  assertEquals([one.broker.bodies(QUEUE), one.broker.delivered, one.served.running], [["late"], 1, 0]);
  await one.close();
});

Deno.test("the log says who paused a function, and that it goes on", async () => {
  const one = await Served.start({});
  await one.served.pause("here", BY_HAND);
  assertEquals(one.said(BY_HAND), 1);
  one.served.resume("here");
  await settled();
  assertEquals([one.said("resumed by an operator"), one.served.state], [1, "serving"]);
  await one.close();
});

Deno.test("the retry of an ordered message goes back as well", async () => {
  const one = await Served.start({ order: { by: "routingKey" }, retry: { attempts: 2, delay: 1_000, jitter: 0 } });
  await one.publish("a");
  one.run("a").end(FAILED);
  await settled();
  assertEquals(one.served.running, 1);
  await one.served.pause("here", BY_HAND);
  assertEquals([one.broker.bodies(QUEUE), one.served.running, one.timers.waiting], [["a"], 0, 0]);
  await one.close();
});

Deno.test("an ordered message keeps its place between its attempts", async () => {
  const one = await Served.start({ order: { by: "routingKey" }, retry: { attempts: 2, delay: 1_000, jitter: 0 } });
  await one.publish("a");
  one.run("a").end(FAILED);
  await one.timers.pass(1_000);
  assertEquals(one.runs.map(({ invocations }) => invocations[0].attempt), [1, 2]);
  assertEquals(one.broker.delivered, 1);
  one.run("a").end();
  await settled();
  assertEquals([one.served.running, one.served.counts.completed, one.served.counts.failed], [0, 1, 1]);
  await one.close();
});

Deno.test("a function that is paused while it is broken stays paused, and takes nothing until it goes on", async () => {
  let broken = true;
  const load = () => broken ? Promise.reject(new Error("no licence")) : Promise.resolve();
  const one = await Served.start({}, { load });
  await one.publish("a", "b");
  assertEquals([one.served.state, one.served.detail], ["broken", "no licence"]);
  assertEquals([one.broker.bodies(QUEUE).length, one.served.running], [2, 0]);
  const { delivered } = one.broker;
  await one.served.pause("here", BY_HAND);
  broken = false;
  await one.timers.pass(600_000);
  assertEquals([one.served.state, one.broker.delivered, one.broker.consumers.size], ["paused", delivered, 0]);
  one.served.resume("here");
  await settled();
  assertEquals([one.served.state, one.ran.length], ["serving", 2]);
  await one.close();
});

Deno.test("a broken function takes messages again once its module loads", async () => {
  let broken = true;
  const load = () => broken ? Promise.reject(new Error("no licence")) : Promise.resolve();
  const one = await Served.start({}, { load });
  await one.publish("a", "b");
  await one.timers.pass(30_000);
  assertEquals([one.served.state, one.broker.delivered], ["broken", 2]);
  broken = false;
  await one.timers.pass(60_000);
  assertEquals([one.served.state, one.ran.length, one.broker.delivered], ["serving", 2, 4]);
  await one.close();
  assertEquals(one.timers.waiting, 0);
});

Deno.test("messages whose module does not load go back once, and a new version takes them", async () => {
  const load = (version: string) => version === "v1" ? Promise.reject(new Error("no licence")) : Promise.resolve();
  const one = await Served.start({ prefetch: 10 }, { load });
  await one.publish("a", "b", "c");
  assertEquals([one.served.state, one.broker.delivered, one.said("no licence")], ["broken", 3, 1]);
  await one.replace("v2");
  assertEquals([one.served.state, one.ran.toSorted()], ["serving", ["v2: a", "v2: b", "v2: c"]]);
  await one.close();
});

Deno.test("a resume that comes before the pause is done takes messages again, and gives none back twice", async () => {
  const one = await Served.start({ concurrency: 1, prefetch: 10 });
  await one.publish("a", "b");
  const cancel = Promise.withResolvers<void>();
  one.broker.cancels = cancel.promise;
  const paused = one.served.pause("here", BY_HAND);
  one.served.resume("here");
  cancel.resolve();
  await paused;
  await settled();
  assertEquals([one.served.state, one.ran, one.broker.delivered], ["serving", ["v1: a"], 3]);
  one.run("a").end();
  await settled();
  one.run("b").end();
  await settled();
  assertEquals([one.ran, one.served.running, one.broker.consumers.size], [["v1: a", "v1: b"], 0, 1]);
  await one.close();
});

Deno.test("a function says which messages it has, and whether its module has been loaded", async () => {
  const one = await Served.start();
  assertEquals([one.served.loaded, one.served.messageIds], [false, []]);
  one.broker.publish(QUEUE, ["a"], { messageId: "m" });
  await one.publish("without");
  assertEquals([one.served.running, one.served.messageIds], [2, ["m"]]);
  one.run("a").end();
  await settled();
  assertEquals([one.served.loaded, one.served.messageIds], [true, []]);
  await one.close();
});

Deno.test("a function goes on when no pause is left: neither that of this runner nor that of all", async () => {
  const one = await Served.start({});
  await one.served.pause("here", "paused in this runner");
  await one.served.pause("everywhere", "paused for all runners");
  assertEquals([one.served.state, one.served.detail], ["paused", "paused for all runners"]);
  one.served.resume("here");
  assertEquals([one.served.state, one.served.detail], ["paused", "paused for all runners"]);
  await one.served.pause("here", "paused in this runner");
  assertEquals(one.served.pauseEnded("everywhere"), true);
  assertEquals([one.served.state, one.served.detail], ["paused", "paused in this runner"]);
  await one.served.pause("everywhere", "paused for all runners");
  one.served.resume("everywhere");
  await settled();
  assertEquals([one.served.state, one.served.detail], ["serving", undefined]);
  await one.close();
});

Deno.test("the end of a pause that a function does not have changes nothing, not even where its kill switch paused it", async () => {
  const one = await Served.start({
    killSwitch: { window: "1m", errorRate: 0.5, minimum: 1, coolDown: "1h" },
    retry: [],
  });
  await one.publish("a");
  one.run("a").end(FAILED);
  await settled();
  assertEquals([one.served.state, one.served.pauseEnded("everywhere"), one.served.state], ["paused", false, "paused"]);
  await one.served.pause("everywhere", "paused for all runners");
  assertEquals(one.served.detail, "paused for all runners");
  one.served.resume("everywhere");
  await settled();
  assertEquals(one.served.state, "serving");
  await one.close();
});

Deno.test("a pause that is given another reason is logged once", async () => {
  const one = await Served.start({});
  await one.served.pause("everywhere", "paused for all runners");
  await one.served.pause("everywhere", "paused for all runners by ann");
  assertEquals([one.said("paused for all runners"), one.served.detail], [1, "paused for all runners by ann"]);
  await one.close();
});
