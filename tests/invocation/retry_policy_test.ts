import { assert, assertEquals } from "@std/assert";
import type { RetryPolicy } from "../../lib/invocation/definition/definition.ts";
import type { Outcome } from "../../lib/invocation/outcome.ts";
import { allRungs, backoff, decide, rungsOf, toRung } from "../../lib/invocation/retry_policy.ts";

const POLICY: RetryPolicy = {
  attempts: 3,
  delay: 1_000,
  maxDelay: 60_000,
  multiplier: 2,
  jitter: 0.1,
  delays: undefined,
};
const failure = { type: "Error", message: "no" };
/** The middle of the three steps: no jitter. */
const middle = () => 0.5;

Deno.test("what ended its runners does not run again, however many attempts there are", () => {
  const failure = { type: "CrashLoop", message: "again and again" };
  const policy = { attempts: 9, delay: 10, maxDelay: 10, multiplier: 1, jitter: 0, delays: undefined };
  const disposition = decide({ kind: "crashed", failure, final: true }, 1, policy);
  assertEquals(disposition, { kind: "deadLetter", reason: "crashed", failure });
});

Deno.test("what completed is acked and what was abandoned goes back", () => {
  assertEquals(decide({ kind: "completed" }, 1, POLICY), { kind: "ack" });
  assertEquals(decide({ kind: "abandoned", reason: "shutdown" }, 99, POLICY), { kind: "requeue" });
});

Deno.test("what was rejected or cannot be decoded is dead-lettered at once", () => {
  for (const kind of ["rejected", "undecodable"] as const) {
    assertEquals(decide({ kind, failure }, 1, POLICY), { kind: "deadLetter", reason: kind, failure });
  }
});

Deno.test("what failed, timed out or crashed is tried again until the attempts are used up", () => {
  for (const kind of ["failed", "timedOut", "crashed"] as const) {
    const outcome: Outcome = { kind, failure };
    assertEquals(decide(outcome, 1, POLICY, middle), { kind: "retry", delay: 1_000, attempt: 2, failure });
    assertEquals(decide(outcome, 2, POLICY, middle), { kind: "retry", delay: 2_000, attempt: 3, failure });
    assertEquals(decide(outcome, 3, POLICY, middle), { kind: "deadLetter", reason: kind, failure });
    assertEquals(decide(outcome, 4, POLICY, middle), { kind: "deadLetter", reason: kind, failure });
  }
});

Deno.test("one attempt is no retry", () => {
  assertEquals(decide({ kind: "failed", failure }, 1, { ...POLICY, attempts: 1 }).kind, "deadLetter");
});

Deno.test("the delay that the handler asks for replaces the policy's, within its maximum", () => {
  const delayOf = (delay: number) => {
    const disposition = decide({ kind: "failed", failure, delay }, 1, POLICY, middle);
    assert(disposition.kind === "retry");
    return disposition.delay;
  };
  assertEquals(delayOf(5_000), 5_000);
  assertEquals(delayOf(0), 0);
  assertEquals(delayOf(3_600_000), 60_000);
});

Deno.test("a delay the handler asks for gives no attempt more", () => {
  assertEquals(decide({ kind: "failed", failure, delay: 10 }, 3, POLICY).kind, "deadLetter");
});

Deno.test("the delay grows by the multiplier up to its maximum", () => {
  const delays = [1, 2, 3, 4, 7, 1_000_000].map((attempt) => backoff(attempt, POLICY, middle));
  assertEquals(delays, [1_000, 2_000, 4_000, 8_000, 60_000, 60_000]);
});

Deno.test("the jitter has three steps", () => {
  const delays = new Set([0, 0.2, 0.34, 0.5, 0.67, 0.999].map((random) => backoff(1, POLICY, () => random)));
  assertEquals([...delays].map(Math.round), [900, 1_000, 1_100]);
  assertEquals(backoff(1, { ...POLICY, jitter: 0 }, () => 0), 1_000);
});

Deno.test("no retry waits longer than the maximum, jitter included", () => {
  const disposition = decide({ kind: "failed", failure }, 20, { ...POLICY, attempts: 99 }, () => 0.999);
  assert(disposition.kind === "retry");
  assertEquals(disposition.delay, 60_000);
});

Deno.test("a rung is within 5 % of the delay, whole, and one of few", () => {
  const rungs = new Set<number>();
  for (let delay = 10; delay < 30 * 86_400_000; delay = delay * 1.0137 + 0.5) {
    const rung = toRung(delay);
    assert(Math.abs(rung - delay) <= delay * 0.05, `${delay} became ${rung}`);
    assert(Number.isInteger(rung), `${delay} became ${rung}`);
    assertEquals(toRung(rung), rung, "a rung is its own");
    rungs.add(rung);
  }
  assert(rungs.size <= 90 * 9);
});

Deno.test("no delay is no rung, and the smallest rung is 10 ms", () => {
  assertEquals([0, -1, NaN, 0.001, 1, 9.9, 10].map(toRung), [0, 0, 0, 10, 10, 10, 10]);
});

Deno.test("a list of delays has the delay before each retry, exactly", () => {
  const policy = { ...POLICY, attempts: 3, delays: [5_000, 60_000] };
  assertEquals([1, 2].map((attempt) => backoff(attempt, policy, () => 0)), [5_000, 60_000]);
  assertEquals(decide({ kind: "failed", failure }, 3, policy).kind, "deadLetter");
});

Deno.test("no attempts at all are one run without a retry", () => {
  assertEquals(decide({ kind: "failed", failure }, 1, { ...POLICY, attempts: 0 }).kind, "deadLetter");
});

Deno.test("rungsOf() gives every delay that a policy can choose, and no other", () => {
  const policies: RetryPolicy[] = [
    POLICY,
    { ...POLICY, attempts: 1_000_000, maxDelay: 10_000 },
    { ...POLICY, attempts: 1_000_000, multiplier: 1, jitter: 1 },
    { ...POLICY, attempts: 1 },
    { ...POLICY, attempts: 4, delays: [0, 1_000, 3_600_000] },
  ];
  for (const policy of policies) {
    const chosen = new Set<number>();
    for (let attempt = 1; attempt < Math.min(policy.attempts, 50); attempt++) {
      for (const random of [0, 0.5, 0.999]) {
        const disposition = decide({ kind: "failed", failure }, attempt, policy, () => random);
        if (disposition.kind === "retry" && disposition.delay > 0) chosen.add(disposition.delay);
      }
    }
    assertEquals(rungsOf(policy), [...chosen].sort((a, b) => a - b));
    for (const rung of rungsOf(policy)) assert(allRungs().includes(rung), `${rung} is not looked for`);
  }
});

Deno.test("allRungs() has every delay that toRung() can give, once", () => {
  const all = new Set(allRungs());
  assertEquals(all.size, allRungs().length);
  for (let ms = 1; ms <= 30 * 24 * 3_600_000; ms = Math.ceil(ms * 1.003)) assert(all.has(toRung(ms)), `${ms}`);
});
