import { assertEquals, assertRejects } from "@std/assert";
import { unlessAborted, whenAborted } from "../../../lib/amqp/client/unless_aborted.ts";
import { WarrenError } from "../../../lib/base/errors.ts";

const never = new Promise<never>(() => {});

Deno.test("a promise that settles first gives what it gives", async () => {
  const { signal } = new AbortController();
  assertEquals(await unlessAborted(Promise.resolve(1), signal, () => "late"), 1);
  assertEquals(await unlessAborted(Promise.resolve(1), undefined, () => "late"), 1);
  await assertRejects(
    () => unlessAborted(Promise.reject(new RangeError("no")), signal, () => "late"),
    RangeError,
    "no",
  );
});

Deno.test("an abort ends all that wait for it, each with its own words", async () => {
  const controller = new AbortController();
  const waiting = ["one", "two"].map((say) => unlessAborted(never, controller.signal, () => say));
  const done = unlessAborted(Promise.resolve("done"), controller.signal, () => "three");
  assertEquals(await done, "done");
  controller.abort();
  for (const [index, say] of ["one", "two"].entries()) await assertRejects(() => waiting[index], WarrenError, say);
  await assertRejects(() => unlessAborted(never, controller.signal, () => "too late"), WarrenError, "too late");
});

Deno.test("a signal that many wait for has one listener", async () => {
  const controller = new AbortController();
  const { signal } = controller;
  const { addEventListener } = signal;
  let listeners = 0;
  signal.addEventListener = (...given: Parameters<typeof addEventListener>) => {
    listeners++;
    addEventListener.apply(signal, given);
  };
  const waiting = Array.from({ length: 100 }, () => unlessAborted(never, signal, () => "late"));
  assertEquals(listeners, 1);
  controller.abort();
  assertEquals((await Promise.allSettled(waiting)).every(({ status }) => status === "rejected"), true);
});

Deno.test("whoever takes a callback back is not called, and one that comes late is called at once", () => {
  const controller = new AbortController();
  const called: string[] = [];
  const forget = whenAborted(controller.signal, () => called.push("forgotten"));
  whenAborted(controller.signal, () => called.push("kept"));
  forget();
  controller.abort();
  whenAborted(controller.signal, () => called.push("late"))();
  assertEquals(called, ["kept", "late"]);
});
