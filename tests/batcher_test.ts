import { assertEquals } from "@std/assert";
import { Batcher } from "../lib/batcher.ts";
import { eventually } from "./support/eventually.ts";

Deno.test("a batch leaves when it is full, and its time begins again", () => {
  const batches: number[][] = [];
  const batcher = new Batcher<number>(2, 1_000_000, (batch) => void batches.push(batch));
  for (let item = 1; item <= 5; item++) batcher.add(item);
  assertEquals(batches, [[1, 2], [3, 4]]);
  batcher.flush();
  batcher.flush();
  assertEquals(batches, [[1, 2], [3, 4], [5]]);
});

Deno.test("a batch that does not fill leaves when its first item has waited long enough", async () => {
  const batches: number[][] = [];
  const batcher = new Batcher<number>(10, 20, (batch) => void batches.push(batch));
  batcher.add(1);
  batcher.add(2);
  await eventually(() => batches.length === 1);
  assertEquals(batches, [[1, 2]]);
});
