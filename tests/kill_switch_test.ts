import { assertEquals } from "@std/assert";
import { KillSwitch } from "../lib/kill_switch.ts";

const CONFIG = { window: 10_000, errorRate: 0.5, minimum: 4, coolDown: 1_000 };

Deno.test("a kill switch trips at its share of failures, and not before there are enough invocations", () => {
  const killSwitch = new KillSwitch(CONFIG, () => 0);
  assertEquals([true, true, false].map((failed) => killSwitch.record(failed)), [false, false, false]);
  assertEquals(killSwitch.record(true), true);
});

Deno.test("what is older than the window does not count", () => {
  let now = 0;
  const killSwitch = new KillSwitch(CONFIG, () => now);
  for (let count = 0; count < 3; count++) killSwitch.record(true);
  now = 10_001;
  assertEquals(killSwitch.record(true), false);
  for (let count = 0; count < 3; count++) killSwitch.record(false);
  assertEquals(killSwitch.record(true), false);
});

Deno.test("a success never trips it, and a reset forgets everything", () => {
  const killSwitch = new KillSwitch(CONFIG, () => 0);
  for (let count = 0; count < 3; count++) killSwitch.record(true);
  assertEquals(killSwitch.record(false), false);
  killSwitch.reset();
  assertEquals(killSwitch.record(true), false);
});
