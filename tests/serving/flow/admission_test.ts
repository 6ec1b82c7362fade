import { assertEquals } from "@std/assert";
import { Admission } from "../../../lib/serving/flow/admission.ts";
import type { Rate } from "../../../lib/serving/flow/rate_limit.ts";
import { FakeTimers } from "../fake_timers.ts";

/** An admission of names, some of which are over. */
function admissionOf(concurrency: number, rate?: Rate) {
  const over = new Set<string>();
  const timers = new FakeTimers();
  const room: number[] = [];
  const onRoom = () => void room.push(timers.now());
  const admission = new Admission<string>({ concurrency, rate, isOver: (name) => over.has(name), onRoom, timers });
  const add = (...names: string[]) => names.forEach((name) => admission.add(name));
  return { admission, add, over, timers, room };
}

Deno.test("as many start as may run at once, and the others in their order", () => {
  const { admission, add } = admissionOf(2);
  add("a", "b", "c", "d");
  assertEquals(admission.take(), ["a", "b"]);
  assertEquals(admission.take(), []);
  admission.leave();
  assertEquals(admission.take(), ["c"]);
  admission.become(3, undefined);
  assertEquals(admission.take(), ["d"]);
  assertEquals(admission.running, 3);
});

Deno.test("once it is cleared nobody who waited starts, and who comes then does", () => {
  const { admission, add } = admissionOf(1);
  add("a", "b", "c");
  assertEquals(admission.take(), ["a"]);
  assertEquals(admission.clear(), ["b", "c"]);
  admission.leave();
  assertEquals(admission.take(), []);
  add("d");
  assertEquals(admission.take(), ["d"]);
});

Deno.test("a hundred thousand that are over are dropped, and take no place", () => {
  const { admission, add, over } = admissionOf(1);
  for (let count = 0; count < 100_000; count++) add(`${count}`), over.add(`${count}`);
  add("alive");
  assertEquals(admission.take(), ["alive"]);
  admission.leave();
  assertEquals(admission.running, 0);
});

Deno.test("who is over costs nothing of the rate, and whoever the rate stops starts when it allows", async () => {
  const { admission, add, over, timers, room } = admissionOf(9, { limit: 1, per: 1_000 });
  over.add("b");
  add("a", "b", "c");
  assertEquals(admission.take(), ["a"]);
  await timers.pass(999);
  assertEquals(room, []);
  await timers.pass(1);
  assertEquals(room, [1_000]);
  assertEquals(admission.take(), ["c"]);
  assertEquals(timers.waiting, 0);
});

Deno.test("a cleared admission leaves no timer", () => {
  const { admission, add, timers } = admissionOf(9, { limit: 1, per: 1_000 });
  add("a", "b");
  admission.take();
  admission.clear();
  assertEquals(timers.waiting, 0);
});
