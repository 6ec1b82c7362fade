import { assert, assertEquals } from "@std/assert";
import { KillSwitch, type KillSwitchConfig } from "../../../lib/serving/flow/kill_switch.ts";
import { FakeTimers } from "../fake_timers.ts";

const CONFIG = { window: 10_000, errorRate: 0.5, minimum: 4, coolDown: 1_000 };

/** A kill switch, and what it had its function do. */
function armed(config: Partial<KillSwitchConfig> = {}) {
  const did: string[] = [];
  const timers = new FakeTimers();
  const killSwitch = new KillSwitch({ ...CONFIG, ...config }, {
    trip: (why) => did.push(`trip: ${why}`),
    probe: () => did.push("probe"),
    recover: () => did.push("recover"),
  }, timers);
  /** Invocations that begin now and end at once. */
  const record = (...failed: boolean[]) => failed.forEach((each) => killSwitch.record(each, killSwitch.era));
  return { killSwitch, did, timers, record };
}

Deno.test("a kill switch trips at its share of failures, and not before there are enough invocations", () => {
  const { killSwitch, did, record } = armed();
  record(true, true, false);
  assertEquals([did, killSwitch.tripped], [[], false]);
  record(true);
  assertEquals(did, ["trip: 50 % or more failed within 10s; one message is tried in 1s"]);
  assert(killSwitch.tripped && !killSwitch.isProbe(killSwitch.era));
});

Deno.test("what is older than the window does not count", async () => {
  const { did, record, timers } = armed();
  record(true, true, true);
  await timers.pass(10_001);
  record(true, false, false, false, true);
  assertEquals(did, []);
});

Deno.test("a success never trips it, and a reset forgets everything", () => {
  const { killSwitch, did, record } = armed();
  record(true, true, true, false);
  killSwitch.reset();
  record(true);
  assertEquals(did, []);
});

Deno.test("after its time it has one message tried, which decides: another failure trips it again", async () => {
  const { killSwitch, did, record, timers } = armed({ minimum: 1 });
  record(true);
  await timers.pass(999);
  assertEquals(did.length, 1);
  await timers.pass(1);
  assert(killSwitch.isProbe(killSwitch.era) && killSwitch.tripped);
  record(true);
  assertEquals(did.slice(1), ["probe", "trip: the probe failed too; one message is tried in 1s"]);
  assert(!killSwitch.isProbe(killSwitch.era) && killSwitch.tripped);
});

Deno.test("a message that goes through while it probes ends that, and counts from nothing", async () => {
  const { killSwitch, did, record, timers } = armed({ minimum: 2 });
  record(true, true);
  await timers.pass(1_000);
  record(false);
  assertEquals(did.slice(1), ["probe", "recover"]);
  assert(!killSwitch.tripped);
  record(true);
  assertEquals(did.length, 3);
});

Deno.test("invocations that began before the trip decide nothing, however they end", async () => {
  const { killSwitch, did, record, timers } = armed({ minimum: 1 });
  const before = killSwitch.era;
  record(true);
  const tripped = killSwitch.era;
  killSwitch.record(true, before);
  await timers.pass(1_000);
  for (const failed of [true, false]) for (const era of [before, tripped]) killSwitch.record(failed, era);
  assertEquals(did.slice(1), ["probe"]);
  assert(!killSwitch.isProbe(before) && !killSwitch.isProbe(undefined));
  record(false);
  killSwitch.record(true, before);
  assertEquals(did.slice(1), ["probe", "recover"]);
});
