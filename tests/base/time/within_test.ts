import { assertEquals, assertRejects } from "@std/assert";
import { endsWithin, within } from "../../../lib/base/time/within.ts";

/** Calls `work` and gives the timers that it set and did not clear. */
async function timersLeftBy(work: () => Promise<unknown>): Promise<number> {
  const { setTimeout: set, clearTimeout: clear } = globalThis;
  const open = new Set<unknown>();
  Object.assign(globalThis, {
    setTimeout: (...args: Parameters<typeof set>) => {
      const timer = set(...args);
      open.add(timer);
      return timer;
    },
    clearTimeout: (timer: number) => {
      open.delete(timer);
      clear(timer);
    },
  });
  try {
    await work();
  } finally {
    Object.assign(globalThis, { setTimeout: set, clearTimeout: clear });
  }
  return open.size;
}

Deno.test("within() gives what the work gives, and leaves no timer behind", async () => {
  let given;
  const left = await timersLeftBy(async () => given = await within(3_600_000, () => Promise.resolve("done")));
  assertEquals([given, left], ["done", 0]);
});

Deno.test("within() leaves no timer behind where the work fails", async () => {
  const failing = () => within(3_600_000, () => Promise.reject(new RangeError("no")));
  assertEquals(await timersLeftBy(() => assertRejects(failing, RangeError, "no")), 0);
});

Deno.test("within() aborts the signal when the time is over", async () => {
  // The limit's own timer keeps no process alive.
  const alive = setTimeout(() => {}, 60_000);
  const reason = await within(1, (signal) => new Promise((resolve) => signal.onabort = () => resolve(signal.reason)));
  clearTimeout(alive);
  assertEquals((reason as DOMException).name, "TimeoutError");
});

Deno.test("those that begin together have one signal, which is there until the last of them has ended", async () => {
  const signals: AbortSignal[] = [];
  const { promise: gate, resolve: open } = Promise.withResolvers<void>();
  const left = await timersLeftBy(async () => {
    const waiting = within(3_600_000, (signal) => {
      signals.push(signal);
      return gate;
    });
    await within(3_600_000, (signal) => Promise.resolve(signals.push(signal)));
    await within(7_200_000, (signal) => Promise.resolve(signals.push(signal)));
    open();
    await waiting;
    await within(3_600_000, (signal) => Promise.resolve(signals.push(signal)));
  });
  assertEquals(signals.map((signal) => signals.indexOf(signal)), [0, 0, 2, 3]);
  assertEquals(left, 0);
});

Deno.test("within() gives each at least its time, whenever another one began", async () => {
  const alive = setTimeout(() => {}, 60_000);
  const wait = async () => {
    const started = performance.now();
    await within(60, (signal) => new Promise((resolve) => signal.addEventListener("abort", resolve)));
    return performance.now() - started;
  };
  const first = wait();
  await new Promise((resolve) => setTimeout(resolve, 1));
  const took = await Promise.all([first, wait()]);
  clearTimeout(alive);
  assertEquals(took.every((each) => each >= 59), true, `${took} ms`);
});

Deno.test("endsWithin() says whether a promise settled in time, and leaves no timer behind", async () => {
  const given: boolean[] = [];
  const left = await timersLeftBy(async () => {
    given.push(await endsWithin(3_600_000, Promise.resolve()));
    given.push(await endsWithin(0, new Promise(() => {})));
    await assertRejects(() => endsWithin(3_600_000, Promise.reject(new Error("gone"))), Error, "gone");
  });
  assertEquals([given, left], [[true, false], 0]);
});
