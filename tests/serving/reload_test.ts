import { assert, assertEquals, assertRejects } from "@std/assert";
import { FAILED } from "./fake_sandbox.ts";
import { settled } from "./fake_timers.ts";
import { QUEUE, Served } from "./served.ts";

const RESULT = { kind: "completed", result: { body: new Uint8Array(), contentType: undefined } } as const;

Deno.test("a function that gets another queue says that what is in the old one stays there", async () => {
  const one = await Served.start();
  await one.replace("v2", { queue: "renamed" });
  assertEquals(one.said(`takes no more messages from queue "${QUEUE}"`), 1);
  await one.close();
});

Deno.test("a function that loses its order says that what is in its partitions stays there", async () => {
  const one = await Served.start({ order: { by: "routingKey" } });
  await one.replace("v2", { order: { by: "routingKey", partitions: 2 } });
  assertEquals(one.said("takes nothing from its partitions"), 0);
  await one.replace("v3");
  assertEquals(one.said("takes nothing from its partitions"), 1);
  await one.close();
});

Deno.test("what runs while the output is taken away still publishes by the version that began it", async () => {
  const one = await Served.start({ output: { exchange: "", routingKey: "out" } });
  await one.publish("a");
  await one.replace("v2");
  await one.publish("b");
  assertEquals(one.ran, ["v1: a", "v2: b"]);
  one.run("a").end(RESULT);
  one.run("b").end(RESULT);
  await settled();
  assertEquals(one.broker.published, ["out: a"]);
  assertEquals([one.served.running, one.served.counts.completed], [0, 2]);
  await one.close();
});

Deno.test("what runs while its queue is renamed is a dead letter of the queue that it came from", async () => {
  const one = await Served.start({ retry: { attempts: 1 } });
  await one.publish("a");
  await one.replace("v2", { queue: "renamed" });
  one.run("a").end(FAILED);
  await one.timers.pass(0);
  assertEquals([one.broker.bodies(`${QUEUE}.dead`), one.broker.bodies("renamed.dead")], [["a"], []]);
  await one.close();
});

Deno.test("what runs while its retries are taken away is retried by the policy that it began with", async () => {
  const one = await Served.start({ retry: { attempts: 2, delay: 1_000, jitter: 0 } });
  await one.publish("a");
  await one.replace("v2", { retry: { attempts: 1 } });
  one.run("a").end(FAILED);
  await one.timers.pass(1_000);
  assertEquals(one.ran, ["v1: a", "v2: a"]);
  assertEquals(one.broker.bodies(`${QUEUE}.dead`), []);
  await one.close();
});

Deno.test("messages that wait for a batch run one by one when the function wants no batches any more", async () => {
  const one = await Served.start({ batch: { size: 10, wait: 60_000 }, prefetch: 10 });
  await one.publish("a", "b", "c", "d", "e");
  assertEquals(one.ran, []);
  await one.replace("v2", { concurrency: 5, prefetch: 10 });
  assertEquals(one.ran, ["v2: a", "v2: b", "v2: c", "v2: d", "v2: e"]);
  await one.timers.pass(60_000);
  assertEquals(one.runs.length, 5);
  await one.close();
});

Deno.test("with another prefetch they run too, and the old consumer goes once they are settled", async () => {
  const one = await Served.start({ batch: { size: 10, wait: 60_000 }, prefetch: 10 });
  await one.publish("a", "b", "c");
  await one.replace("v2", { prefetch: 5 });
  assertEquals(one.ran, ["v2: a", "v2: b", "v2: c"]);
  assertEquals(one.broker.consumers.size, 2);
  one.runs.forEach((run) => run.end());
  await settled();
  assertEquals([...one.broker.consumers].map(({ definition }) => definition.prefetch), [5]);
  assertEquals(one.broker.delivered, 3);
  await one.close();
});

Deno.test("an old consumer whose channel dies after its cancel goes at once", async () => {
  const one = await Served.start({ prefetch: 10 });
  await one.publish("a");
  await one.replace("v2", { prefetch: 5 });
  const [old] = one.broker.consumers;
  old.lose("the connection is lost");
  await settled();
  assertEquals([...one.broker.consumers].map(({ definition }) => definition.prefetch), [5]);
  await one.close();
});

Deno.test("what waits while the queue is renamed goes back to it, once, and is not run", async () => {
  const one = await Served.start({ concurrency: 1, prefetch: 10 });
  await one.publish("a", "b", "c");
  const cancel = Promise.withResolvers<void>();
  one.broker.cancels = cancel.promise;
  await one.replace("v2", { queue: "renamed" });
  assertEquals(one.broker.bodies(QUEUE), []);
  cancel.resolve();
  await settled();
  assertEquals([one.broker.bodies(QUEUE).toSorted(), one.broker.delivered], [["b", "c"], 3]);
  one.run("a").end();
  await settled();
  assertEquals([...one.broker.consumers].map(({ queue }) => queue), ["renamed"]);
  assertEquals(one.ran, ["v1: a"]);
  await one.close();
});

Deno.test("an old version's sandbox is closed once nothing runs in it", async () => {
  const one = await Served.start();
  await one.publish("a");
  await one.replace("v2");
  assertEquals(one.sandboxes.map(({ closed }) => closed), [false, false]);
  one.run("a").end();
  await settled();
  assertEquals(one.sandboxes.map(({ closed }) => closed), [true, false]);
  await one.close();
});

Deno.test("a version that does not load is refused, and leaves no sandbox", async () => {
  const load = (version: string) => version === "v2" ? Promise.reject(new Error("no licence")) : Promise.resolve();
  const one = await Served.start({ warm: true }, { load });
  await assertRejects(() => one.replace("v2"), Error, "no licence");
  assertEquals([one.served.state, one.served.definition.version], ["serving", "v1"]);
  assertEquals(one.sandboxes.map(({ closed }) => closed), [false, true]);
  await one.close();
});

for (const stop of ["close", "drain"] as const) {
  Deno.test(`a ${stop} while a new version loads leaves no sandbox, no consumer and no clock`, async () => {
    const loading = Promise.withResolvers<void>();
    const load = (version: string) => version === "v2" ? loading.promise : Promise.resolve();
    const one = await Served.start({ warm: true, schedule: "* * * * *" }, { load });
    const replaced = one.replace("v2", { schedule: "0 * * * *", prefetch: 7 });
    await settled();
    await one.served[stop]();
    if (stop === "drain") loading.resolve();
    assert(!await replaced);
    await one.served.close();
    assertEquals(one.sandboxes.map(({ closed }) => closed), [true, true]);
    assertEquals([one.clocks.map(({ running }) => running), one.broker.consumers.size], [[false], 0]);
  });
}

Deno.test("a schedule goes with the version that has it", async () => {
  const one = await Served.start({ schedule: "* * * * *" });
  await one.replace("v2", { schedule: "* * * * *" });
  assertEquals(one.clocks.map(({ running }) => running), [true]);
  await one.replace("v3", { schedule: "0 * * * *" });
  assertEquals(one.clocks.map(({ running }) => running), [false, true]);
  await one.replace("v4");
  assertEquals(one.clocks.map(({ running }) => running), [false, false]);
  await one.close();
});
