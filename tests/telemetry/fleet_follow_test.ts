import { assertEquals } from "@std/assert";
import type { LiveEvent } from "../../lib/invocation/insight/operator_view.ts";
import { FleetFollow } from "../../lib/telemetry/fleet_follow.ts";
import { Hub } from "../../lib/telemetry/hub.ts";
import { FakeTimers, settled } from "../serving/fake_timers.ts";
import { FakeFleet } from "./fake_fleet.ts";

function line(runner: string, message: string, name = "order"): LiveEvent {
  return { kind: "log", function: name, runner, line: { time: 1, level: "info", message } };
}

/** Two runners, and what one of them follows. */
function two() {
  const fleet = new FakeFleet();
  const timers = new FakeTimers();
  const [a, b] = [new Hub(), new Hub()];
  const follow = new FleetFollow({ fleet: fleet.as("a"), hub: a, timers });
  new FleetFollow({ fleet: fleet.as("b"), hub: b, timers });
  const stop = new AbortController();
  const seen: string[] = [];
  const follows = async (filter = {}) => {
    for await (const event of follow.follow(filter, stop.signal)) {
      if (event.kind === "log") seen.push(event.line.message);
    }
  };
  return { fleet, timers, a, b, stop, seen, follows };
}

Deno.test("what happens here comes at once, what happens elsewhere within a second, and each once", async () => {
  const { timers, a, b, stop, seen, follows } = two();
  const following = follows({ function: "order" });
  await settled();
  a.publish(line("a", "here"));
  b.publish(line("b", "there"));
  b.publish(line("b", "of another function", "other"));
  await settled();
  assertEquals(seen, ["here"]);
  await timers.pass(1_000);
  await timers.pass(1_000);
  assertEquals(seen, ["here", "there"]);
  stop.abort();
  await following;
});

Deno.test("a runner keeps nothing for those who ask no more, and the newest of too much", async () => {
  const { timers, b, stop, seen, follows } = two();
  const following = follows();
  await settled();
  assertEquals(b.size, 1);
  for (let count = 0; count < 1_500; count++) {
    b.publish(line("b", `${count}`));
    if (count % 100 === 0) await settled();
  }
  await timers.pass(1_000);
  assertEquals([seen.length, seen.at(-1)], [1_000, "1499"]);
  stop.abort();
  await following;
  await timers.pass(10_000);
  assertEquals([b.size, timers.waiting], [0, 0]);
});

Deno.test("who is silent for a while is followed again", async () => {
  const { fleet, timers, b, stop, seen, follows } = two();
  const following = follows();
  await settled();
  fleet.silent.push("b");
  await timers.pass(15_000);
  fleet.silent.pop();
  await timers.pass(1_000);
  b.publish(line("b", "again"));
  await timers.pass(1_000);
  assertEquals(seen, ["again"]);
  stop.abort();
  await following;
});
