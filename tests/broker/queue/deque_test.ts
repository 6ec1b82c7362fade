import { assertEquals } from "@std/assert";
import { Deque } from "../../../lib/broker/queue/deque.ts";
import { Random } from "../random.ts";

Deno.test("a deque gives what was pushed in its order, however it grows, shrinks and turns", () => {
  const random = new Random(1);
  const deque = new Deque<number>();
  const plain: number[] = [];
  let next = 0;
  for (let step = 0; step < 200; step++) {
    const growing = random.chance(0.5);
    for (let count = random.int(300); count > 0; count--) {
      if (random.chance(growing ? 0.8 : 0.2)) {
        deque.push(next);
        plain.push(next++);
      } else assertEquals([deque.peek(), deque.shift()], [plain[0], plain.shift()]);
    }
    assertEquals(deque.length, plain.length);
  }
  for (const item of plain) assertEquals(deque.shift(), item);
  assertEquals([deque.length, deque.peek(), deque.shift()], [0, undefined, undefined]);
});

Deno.test("a deque that was cleared begins anew", () => {
  const deque = new Deque<number>();
  for (let i = 0; i < 5_000; i++) deque.push(i);
  deque.clear();
  assertEquals([deque.length, deque.shift()], [0, undefined]);
  deque.push(7);
  assertEquals([deque.length, deque.peek()], [1, 7]);
});
