import { assertEquals } from "@std/assert";
import type { Outcome } from "../../lib/invocation/outcome.ts";
import { blamesDependency, type Circumstances, conclude } from "../../lib/serving/conclude.ts";

const failure = { type: "Error", message: "no" };
const retry = { attempts: 3, delay: 1_000, maxDelay: 60_000, multiplier: 2, jitter: 0, delays: undefined };
const PLAIN: Circumstances = { attempt: 1, retry, ordered: false, aborting: false, probe: false };
const FAILED: Outcome = { kind: "failed", failure };

const OUTCOMES: Outcome[] = [
  { kind: "completed" },
  FAILED,
  { kind: "timedOut", failure },
  { kind: "rejected", failure },
  { kind: "crashed", failure },
  { kind: "crashed", failure, final: true },
  { kind: "undecodable", failure },
  { kind: "invalid", failure },
  { kind: "abandoned", reason: "stopped" },
];

/** What all outcomes come to, in the order of OUTCOMES. */
function kinds(circumstances: Partial<Circumstances>): string[] {
  return OUTCOMES.map((outcome) => conclude(outcome, { ...PLAIN, ...circumstances }).kind);
}

Deno.test("what a row comes to depends on how it ended", () => {
  const dead = "deadLetter";
  assertEquals(kinds({}), ["ack", "retry", "retry", dead, "retry", dead, dead, dead, "giveBack"]);
  assertEquals(kinds({ attempt: 3 }), ["ack", dead, dead, dead, dead, dead, dead, dead, "giveBack"]);
});

Deno.test("an ordered message keeps its place", () => {
  assertEquals(conclude(FAILED, { ...PLAIN, ordered: true }), { kind: "hold", delay: 1_000, attempt: 2, failure });
  assertEquals(conclude(FAILED, { ...PLAIN, ordered: true, attempt: 3 }).kind, "deadLetter");
});

Deno.test("what is aborted goes back untouched, unless it completed", () => {
  assertEquals(kinds({ aborting: true }), ["ack", ...Array(8).fill("giveBack")]);
});

Deno.test("a failed probe costs no attempt, and what is wrong with the message itself still counts", () => {
  const dead = "deadLetter";
  assertEquals(kinds({ probe: true, attempt: 3 }), [
    "ack",
    "again",
    "again",
    dead,
    "again",
    dead,
    dead,
    dead,
    "giveBack",
  ]);
  assertEquals(conclude(FAILED, { ...PLAIN, probe: true, ordered: true }).kind, "giveBack");
});

Deno.test("a dependency is to blame for what failed, timed out or crashed, and for nothing else", () => {
  assertEquals(OUTCOMES.map(blamesDependency), [false, true, true, false, true, false, false, false, false]);
});
