import { assertEquals } from "@std/assert";
import type { AnnouncedRunner } from "../../../lib/invocation/insight/fleet.ts";
import { OtherRunners, together } from "../../../lib/runner/operating/other_runners.ts";
import { announced } from "../../amqp/fleet/fake_fleet.ts";
import { runnerOf } from "../troubles/snapshots.ts";

const having = (name: string, more: Partial<AnnouncedRunner> = {}) =>
  runnerOf(name, {
    seenAt: 100_000,
    functions: [announced("pay", { running: 3, newest: 50 }), announced("ship", { running: 100 })],
    heldBack: [{ queue: "pay", delay: 5_000, count: 7 }, { queue: "ship", delay: 5_000, count: 100 }],
    ...more,
  });

Deno.test("what the other runners have of a function is summed, without this runner and other queues", () => {
  const elsewhere = having("four", { functions: [announced("pay", { queue: "other", running: 100 })], heldBack: [] });
  const runners = [having("one", { self: true }), having("two"), having("three"), elsewhere];
  const { running, newest, heldBack } = new OtherRunners({ runners: () => runners }).look()("pay", "pay");
  assertEquals([running, newest, [...heldBack]], [6, 50, [[5_000, 14]]]);
});

Deno.test("a runner that is gone has no messages, and what it held back waits until it is due", () => {
  const at = (now: number) => {
    const runners = [having("one", { self: true }), having("two", { gone: true })];
    const { running, newest, heldBack } = new OtherRunners({ runners: () => runners }, () => now).look()("pay", "pay");
    return [running, newest, [...heldBack]];
  };
  assertEquals(at(104_999), [0, undefined, [[5_000, 7]]]);
  assertEquals(at(105_000), [0, undefined, []]);
});

Deno.test("what this runner has is added, and the newest message of all counts", () => {
  const own = { running: 1, newest: 60, heldBack: new Map([[1_000, 1], [5_000, 1]]) };
  const others = { running: 2, newest: 50, heldBack: new Map([[5_000, 2]]) };
  const { running, newest, heldBack } = together(own, others);
  assertEquals([running, newest, [...heldBack]], [3, 60, [[1_000, 1], [5_000, 3]]]);
  assertEquals(together({ ...own, newest: undefined }, { ...others, newest: undefined }).newest, undefined);
});
