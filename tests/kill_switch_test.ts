import { assert, assertEquals } from "@std/assert";
import { KillSwitch, type KillSwitchConfig } from "../lib/kill_switch.ts";

const CONFIG = { window: 10_000, errorRate: 0.5, minimum: 4, coolDown: 1_000 };

/** A kill switch, and what it had its function do. */
function armed(config: Partial<KillSwitchConfig> = {}, now = () => 0) {
  const did: string[] = [];
  const probed = Promise.withResolvers<void>();
  const killSwitch = new KillSwitch({ ...CONFIG, ...config }, {
    trip: (why) => did.push(`trip: ${why}`),
    probe: () => {
      did.push("probe");
      probed.resolve();
    },
    recover: () => did.push("recover"),
  }, now);
  return { killSwitch, did, probed: probed.promise, [Symbol.dispose]: () => killSwitch.reset() };
}

Deno.test("a kill switch trips at its share of failures, and not before there are enough invocations", () => {
  using one = armed();
  for (const failed of [true, true, false]) one.killSwitch.record(failed);
  assertEquals([one.did, one.killSwitch.tripped], [[], false]);
  one.killSwitch.record(true);
  assertEquals(one.did, ["trip: 50 % or more failed within 10 s; one message is tried in 1 s"]);
  assert(one.killSwitch.tripped && !one.killSwitch.probing);
});

Deno.test("what is older than the window does not count", () => {
  let now = 0;
  using one = armed({}, () => now);
  for (let count = 0; count < 3; count++) one.killSwitch.record(true);
  now = 10_001;
  one.killSwitch.record(true);
  for (let count = 0; count < 3; count++) one.killSwitch.record(false);
  one.killSwitch.record(true);
  assertEquals(one.did, []);
});

Deno.test("a success never trips it, and a reset forgets everything", () => {
  using one = armed();
  for (let count = 0; count < 3; count++) one.killSwitch.record(true);
  one.killSwitch.record(false);
  one.killSwitch.reset();
  one.killSwitch.record(true);
  assertEquals(one.did, []);
});

Deno.test("after its time it has one message tried, which decides: another failure trips it again", async () => {
  using one = armed({ minimum: 1, coolDown: 1 });
  one.killSwitch.record(true);
  await one.probed;
  assert(one.killSwitch.probing && one.killSwitch.tripped);
  one.killSwitch.record(true);
  assertEquals(one.did.slice(1), ["probe", "trip: the probe failed too; one message is tried in 0.001 s"]);
  assert(!one.killSwitch.probing && one.killSwitch.tripped);
});

Deno.test("a message that goes through while it probes ends that, and counts from nothing", async () => {
  using one = armed({ minimum: 2, coolDown: 1 });
  one.killSwitch.record(true);
  one.killSwitch.record(true);
  await one.probed;
  one.killSwitch.record(false);
  assertEquals(one.did.slice(1), ["probe", "recover"]);
  assert(!one.killSwitch.tripped);
  one.killSwitch.record(true);
  assertEquals(one.did.length, 3);
});
