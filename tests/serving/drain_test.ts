import { assertEquals } from "@std/assert";
import { COMPLETED, FAILED } from "./fake_sandbox.ts";
import { settled } from "./fake_timers.ts";
import { BY_HAND, QUEUE, Served } from "./served.ts";

/** A function with a row in every stage: one is being settled, one runs, one waits. */
async function inEveryStage(): Promise<{ one: Served; confirm: () => void }> {
  const one = await Served.start({ concurrency: 1, prefetch: 10, retry: { attempts: 1 }, schedule: "* * * * *" });
  const confirmed = Promise.withResolvers<void>();
  await one.publish("settling", "running", "waiting");
  one.broker.confirms = confirmed.promise;
  one.run("settling").end(FAILED);
  await settled();
  return { one, confirm: confirmed.resolve };
}

Deno.test("a drain waits for what runs and for what is being settled, and gives back what waits", async () => {
  const { one, confirm } = await inEveryStage();
  let drained = false;
  const draining = one.served.drain().then(() => drained = true);
  await settled();
  assertEquals([one.served.state, one.broker.bodies(QUEUE), one.served.running], ["draining", ["waiting"], 2]);
  one.run("running").end(COMPLETED);
  await settled();
  assertEquals(drained, false);
  confirm();
  await draining;
  await one.timers.pass(0);
  assertEquals([one.broker.bodies(`${QUEUE}.dead`), one.served.counts.completed], [["settling"], 1]);
  await one.close();
  assertEquals([one.broker.consumers.size, one.clocks[0].running, one.timers.waiting], [0, false, 0]);
});

Deno.test("an abort gives what runs back untouched", async () => {
  const { one, confirm } = await inEveryStage();
  void one.served.drain();
  await one.served.abort();
  confirm();
  await one.close();
  await one.timers.pass(0);
  assertEquals([one.broker.bodies(QUEUE).toSorted(), one.broker.attempts(QUEUE)], [["running", "waiting"], [1, 1]]);
  assertEquals([one.served.running, one.served.counts.failed, one.served.state], [0, 1, "draining"]);
});

Deno.test("what fails because it was aborted goes back, and what completes in spite of it is acked", async () => {
  const one = await Served.start({ retry: { attempts: 1 } });
  await one.publish("fails", "completes");
  void one.served.drain();
  const [fails, completes] = one.runs;
  fails.end(FAILED);
  completes.end(COMPLETED);
  await one.served.abort();
  await one.close();
  assertEquals([one.broker.bodies(QUEUE), one.served.counts.completed, one.served.counts.failed], [["fails"], 1, 0]);
});

Deno.test("a close gives back what is still being settled", async () => {
  const { one } = await inEveryStage();
  await one.close();
  assertEquals([one.broker.bodies(QUEUE).toSorted()], [["running", "settling", "waiting"]]);
  assertEquals([one.broker.consumers.size, one.clocks[0].running], [0, false]);
});

Deno.test("whatever is asked of a function that drains changes nothing any more", async () => {
  const one = await Served.start({ warm: true });
  await one.served.drain();
  one.served.resume("here");
  await one.served.pause("here", BY_HAND);
  assertEquals(await one.replace("v2"), false);
  one.served.start();
  await settled();
  assertEquals([one.served.state, one.broker.consumers.size, one.clocks.length], ["draining", 0, 0]);
  await one.close();
  assertEquals(one.sandboxes.map(({ closed }) => closed), [true, true]);
});
