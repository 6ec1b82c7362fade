import { assertEquals } from "@std/assert";
import { Batcher } from "../../../lib/serving/flow/batcher.ts";
import { FakeTimers } from "../fake_timers.ts";

Deno.test("a batch leaves when it is full, and its time begins again", () => {
  const timers = new FakeTimers();
  const batcher = new Batcher<number>({ size: 2, wait: 1_000, onDue: () => {}, timers });
  assertEquals([1, 2, 3, 4, 5].map((item) => batcher.add(item)), [undefined, [1, 2], undefined, [3, 4], undefined]);
  assertEquals(batcher.clear(), [5]);
  assertEquals(batcher.clear(), []);
  assertEquals(timers.waiting, 0);
});

Deno.test("a batch that does not fill leaves when its first item has waited long enough", async () => {
  const timers = new FakeTimers();
  const batches: number[][] = [];
  const batcher = new Batcher<number>({ size: 10, wait: 20, onDue: (batch) => void batches.push(batch), timers });
  batcher.add(1);
  await timers.pass(19);
  batcher.add(2);
  assertEquals(batches, []);
  await timers.pass(1);
  assertEquals(batches, [[1, 2]]);
});
