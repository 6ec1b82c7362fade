import { assert, assertEquals } from "@std/assert";
import type { GuestProcess } from "../../../lib/sandbox/process/guest_process.ts";
import { type Timed, TimeLimits } from "../../../lib/sandbox/limits/time_limits.ts";

const process = {} as GuestProcess;

function timed(): Timed {
  return { id: 1, deadline: Infinity, killAt: undefined, late: 0, process };
}

/** Runs one until its process is to be killed, and says how often its time was over, and how long it took. */
async function untilKilled(concurrency: number, onOverdue: (limits: TimeLimits, one: Timed) => void) {
  const one = timed();
  const began = performance.now();
  const { promise: killed, resolve } = Promise.withResolvers<void>();
  let overdue = 0;
  const limits: TimeLimits = new TimeLimits(new Map([[1, one]]), {
    timeout: 40,
    grace: 20,
    concurrency,
    onOverdue: () => {
      overdue++;
      onOverdue(limits, one);
    },
    onOverrun: () => {
      one.process = undefined;
      resolve();
    },
  });
  limits.begin(one);
  await killed;
  limits.stop();
  return { overdue, took: performance.now() - began };
}

Deno.test("one that does not settle is told, and its process killed after the grace", async () => {
  const { overdue, took } = await untilKilled(10, () => {});
  assertEquals(overdue, 1);
  assert(took >= 60, `${took} ms`);
});

Deno.test("a process that always says that it was late is believed once for each that was beside it", async () => {
  assertEquals((await untilKilled(1, (limits, one) => limits.extend(one, 1_000_000))).overdue, 1);
  assertEquals((await untilKilled(3, (limits, one) => limits.extend(one, 1_000_000))).overdue, 3);
});

Deno.test("nobody gets more time before it is over", async () => {
  const one = timed();
  const options = { timeout: 50, grace: 20, concurrency: 10, onOverdue: () => {}, onOverrun: () => {} };
  const limits = new TimeLimits(new Map([[1, one]]), options);
  limits.begin(one);
  const { deadline } = one;
  await Promise.resolve();
  limits.extend(one, 40);
  assertEquals([one.deadline, one.late], [deadline, 0]);
  limits.stop();
});
