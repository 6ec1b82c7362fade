import { assertEquals } from "@std/assert";
import { exitVerdicts } from "../../../lib/sandbox/host/exit_verdicts.ts";

const CRASH = { overran: false, responsive: true, cancelled: false };
const STUCK = { overran: true, responsive: false, cancelled: false };
/** One whose time is not over, one whose time is, and the same where nothing else runs. */
const QUICK = { alone: false, killAt: undefined };
const SLOW = { alone: false, killAt: 1 };
const ALONE = { alone: true, killAt: undefined };

Deno.test("who was in its process alone when that crashed has crashed, and several are suspects", () => {
  assertEquals(exitVerdicts([], CRASH), []);
  assertEquals(exitVerdicts([QUICK], CRASH), ["crashed"]);
  assertEquals(exitVerdicts([QUICK, SLOW], CRASH), ["suspect", "suspect"]);
});

Deno.test("who was beside cancelled ones is a suspect, unless it ran where nothing else runs", () => {
  assertEquals(exitVerdicts([QUICK], { ...CRASH, cancelled: true }), ["suspect"]);
  assertEquals(exitVerdicts([ALONE], { ...CRASH, cancelled: true }), ["crashed"]);
});

Deno.test("of those in a stuck process the only one whose time was over has timed out, and the others are innocent", () => {
  assertEquals(exitVerdicts([QUICK, SLOW, QUICK], STUCK), ["innocent", "timedOut", "innocent"]);
});

Deno.test("of several in a stuck process any may keep it busy, and in one that answers each was slow by itself", () => {
  assertEquals(exitVerdicts([SLOW, QUICK, SLOW], STUCK), ["suspect", "innocent", "suspect"]);
  assertEquals(exitVerdicts([SLOW, QUICK, SLOW], { ...STUCK, responsive: true }), ["timedOut", "innocent", "timedOut"]);
  assertEquals(exitVerdicts([{ alone: true, killAt: 1 }], STUCK), ["timedOut"]);
});
