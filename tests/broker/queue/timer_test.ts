import { assert, assertEquals } from "@std/assert";
import { Timer } from "../../../lib/broker/queue/timer.ts";
import { eventually } from "../../support/eventually.ts";

Deno.test("a timer calls at the earliest time that was asked for, once", async () => {
  const calls: number[] = [];
  const timer = new Timer(() => calls.push(Date.now()));
  const started = Date.now();
  timer.at(started + 10_000);
  timer.at(started + 60);
  timer.at(started + 5_000);
  await eventually(() => calls.length > 0);
  assert(calls[0] >= started + 60 && calls[0] < started + 2_000);
  timer.clear();
  assertEquals(calls.length, 1);
});

Deno.test("a time that has passed calls soon, and a later one can be asked for in the call", async () => {
  let calls = 0;
  const timer: Timer = new Timer(() => {
    if (++calls < 3) timer.at(Date.now() + 1);
  });
  timer.at(Date.now() - 1_000);
  assertEquals(calls, 0);
  await eventually(() => calls === 3);
});

Deno.test("a timer that was cleared does not call, and can be asked again", async () => {
  let calls = 0;
  const timer = new Timer(() => calls++);
  timer.at(Date.now() + 1);
  timer.clear();
  // Longer than the platform's own timers can wait, which must not be at once.
  timer.at(Date.now() + 2 ** 40);
  const other = Promise.withResolvers<void>();
  new Timer(other.resolve).at(Date.now() + 30);
  await other.promise;
  assertEquals(calls, 0);
  timer.at(Date.now() + 1);
  await eventually(() => calls === 1);
});
