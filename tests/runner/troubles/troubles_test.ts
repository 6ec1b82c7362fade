import { assertEquals, assertMatch } from "@std/assert";
import type { Trouble } from "../../../lib/invocation/insight/operator_view.ts";
import { troublesIn } from "../../../lib/runner/troubles/troubles.ts";
import { announced } from "../../amqp/fleet/fake_fleet.ts";
import { crashOf, depthOf, functionAs, NOW, runnerOf, snapshotOf, trailOf } from "./snapshots.ts";

const MINUTE = 60_000;
const kinds = (troubles: readonly Trouble[]) => troubles.map(({ severity, kind }) => `${severity} ${kind}`);

Deno.test("a healthy day has no trouble: work waits a moment, an operator paused, a few messages fail", () => {
  const paused = announced("paused", { state: "paused", detail: "paused for all runners by ann" });
  const functions = [announced("hello", { perMinute: 100, failedPerMinute: 20 }), paused];
  const snapshot = snapshotOf({
    runners: [runnerOf("one", { self: true, functions }), runnerOf("two", { functions })],
    depths: [
      depthOf("hello", { ready: 500, oldest: 20_000, dead: 104 }),
      depthOf("paused", { ready: 9, consumers: 0 }),
    ],
    trails: trailOf([{ dead: 100 }]),
    crashes: [crashOf("hello"), crashOf("hello")],
    orphans: [
      { queue: "warren.retry.5000", messages: 4, advice: "they come back" },
      { queue: "old.dead", messages: 4, advice: "dead letters" },
    ],
  });
  assertEquals(troublesIn(snapshot), []);
});

Deno.test("troubles come worst first, each with a reason, what to do and where", () => {
  const functions = [
    announced("broken", { state: "broken", detail: "a.ts:1 is wrong" }),
    announced("failing", { perMinute: 10, failedPerMinute: 6 }),
    announced("tripped", { state: "paused", detail: "50 % or more failed within 60 s" }),
    announced("stale", { detail: "b.ts:1 is wrong" }),
    announced("cut", { state: "unavailable", detail: "access refused" }),
  ];
  const snapshot = snapshotOf({
    checks: [{ name: "broker: publishing", ok: false, detail: "blocked: low on disk" }, {
      name: "function x",
      ok: false,
    }],
    runners: [
      runnerOf("one", { functions }),
      runnerOf("two", { functions: [announced("broken"), announced("stale")] }),
      runnerOf("three", { gone: true, seenAt: 7, functions: [announced("lonely")] }),
    ],
    crashes: Array.from({ length: 3 }, () => crashOf("failing")),
    orphans: [{ queue: "warren.orphans", messages: 1, advice: "their queue is gone. Put them back" }],
  });
  const troubles = troublesIn(snapshot);
  assertEquals(kinds(troubles), [
    "error broker",
    "error no-consumer",
    "error broken",
    "error unavailable",
    "error crash-loop",
    "error kill-switch",
    "warning failing",
    "warning stale",
    "warning runner-gone",
    "warning orphans",
  ]);
  const [broker, lonely, broken] = troubles;
  assertEquals([broker.reason, broken.reason, broken.href, lonely.function], [
    "blocked: low on disk",
    "on one: a.ts:1 is wrong",
    "/functions/broken",
    "lonely",
  ]);
  assertEquals(troubles[7].reason, "on one: b.ts:1 is wrong");
  assertEquals([troubles[8].since, troubles[9].action], [7, "Put them back"]);
});

Deno.test("a function is in crash loop after three crashes within the window, and its dead letters are counted", () => {
  const dead = crashOf("hello", { next: { kind: "deadLetter", reason: "crashed" } });
  const [trouble] = troublesIn(snapshotOf({ crashes: [crashOf("hello"), dead, dead] }));
  assertEquals([trouble.kind, trouble.severity], ["crash-loop", "error"]);
  assertMatch(trouble.reason, /3 times in 10 minutes; 2 of its messages became dead letters: out of memory$/);
  const old = crashOf("hello", { endedAt: NOW - 11 * MINUTE });
  assertEquals(troublesIn(snapshotOf({ crashes: [old, dead, dead, crashOf("other")] })), []);
});

Deno.test("crashes of a function that is no longer there are no trouble", () => {
  const crashes = [crashOf("removed"), crashOf("removed"), crashOf("removed")];
  assertEquals(troublesIn(snapshotOf({ crashes })), []);
});

Deno.test("a backlog is trouble when its oldest message is over five minutes old and does not become younger", () => {
  const at = (oldest: number, before?: number) =>
    kinds(troublesIn(snapshotOf({
      depths: [depthOf("hello", { ready: 3, oldest })],
      trails: before === undefined ? new Map() : trailOf([{ oldest: before }]),
    })));
  assertEquals(at(5 * MINUTE), []);
  assertEquals(at(5 * MINUTE + 1), ["error backlog"]);
  assertEquals(at(6 * MINUTE, 5.5 * MINUTE), ["error backlog"]);
  assertEquals(at(6 * MINUTE, 7 * MINUTE), []);
  assertEquals(kinds(troublesIn(snapshotOf({ depths: [depthOf("hello", { ready: 0, oldest: 9 * MINUTE })] }))), []);
});

Deno.test("a backlog is trouble when it is ten times as old as usual, and usual is known", () => {
  const at = (oldest: number, usual: number, samples = 10) =>
    kinds(troublesIn(snapshotOf({
      depths: [depthOf("hello", { ready: 3, oldest })],
      trails: trailOf(Array.from({ length: samples }, () => ({ oldest: usual }))),
    })));
  assertEquals(at(2 * MINUTE, 11_000), ["warning backlog"]);
  assertEquals(at(2 * MINUTE, 13_000), []);
  assertEquals(at(2 * MINUTE, 11_000, 9), []);
  // Something is always a little slower than never.
  assertEquals(at(50_000, 0), []);
});

Deno.test("messages without a consumer are trouble, also of a function that is disabled; then age is none", () => {
  const depths = [depthOf("hello", { ready: 2, consumers: 0, oldest: 9 * MINUTE })];
  for (const state of ["serving", "disabled"]) {
    const runners = [runnerOf("one", { functions: [announced("hello", { state })] })];
    assertEquals(kinds(troublesIn(snapshotOf({ runners, depths }))), ["error no-consumer"], state);
  }
  assertEquals(troublesIn(snapshotOf({ depths: [depthOf("hello", { consumers: 0 })] })), []);
  // A function that starts has none yet.
  const runners = [runnerOf("one", { functions: [announced("hello", { state: "starting" })] })];
  assertEquals(troublesIn(snapshotOf({ runners, depths })), []);
});

Deno.test("dead letters are trouble when they become five more within the window", () => {
  const at = (dead: number | undefined, before: number | undefined, ago = 1) =>
    troublesIn(snapshotOf({
      depths: [depthOf("hello", { dead })],
      trails: trailOf([{ dead: before }, ...Array.from({ length: ago - 1 }, () => ({ dead }))]),
    }));
  assertEquals(at(1_004, 1_000), []);
  const [trouble] = at(1_005, 1_000);
  assertEquals([trouble.kind, trouble.severity], ["dead-letters", "warning"]);
  assertEquals(trouble.reason, "5 more than 30s ago; there are 1005");
  assertEquals([at(1_005, 1_000, 21), at(1_005, undefined), at(undefined, 1_000)], [[], [], []]);
});

Deno.test("the kill switch is told from a pause by its words, also where runners differ", () => {
  assertEquals(kinds(troublesIn(functionAs({ state: "paused", detail: "paused in this runner by ann" }))), []);
  assertEquals(kinds(troublesIn(functionAs({ state: "paused", detail: "too many failed; one is being tried" }))), [
    "error kill-switch",
  ]);
});
