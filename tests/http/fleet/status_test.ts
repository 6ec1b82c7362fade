import { assertEquals } from "@std/assert";
import type { AnnouncedRunner } from "../../../lib/invocation/insight/fleet.ts";
import { announced } from "../../amqp/fleet/fake_fleet.ts";
import { fakeApi } from "../fake_runner.ts";

function runnerOf(name: string, more: Partial<AnnouncedRunner> = {}): AnnouncedRunner {
  const base = { id: name, name, host: "h", version: "1", startedAt: 0, seenAt: 0, gone: false, self: false };
  return { ...base, functions: [announced("hello")], ...more };
}

Deno.test("GET /runners lists all runners", async () => {
  const { ask, runner } = fakeApi();
  runner.fleet = [runnerOf("one", { self: true }), runnerOf("two", { gone: true })];
  const { runners } = await (await ask("/runners")).json();
  assertEquals(runners, JSON.parse(JSON.stringify(runner.fleet)));
});

Deno.test("GET /status is healthy where nothing is wrong, with the sums over all runners", async () => {
  const { ask, runner } = fakeApi();
  const busy = announced("hello", { running: 2, perMinute: 10, failedPerMinute: 1 });
  runner.fleet = [runnerOf("one", { functions: [busy] }), runnerOf("two", { functions: [busy] })];
  const { healthy, functions: [hello], troubles } = await (await ask("/status")).json();
  assertEquals([healthy, troubles], [true, []]);
  assertEquals([hello.serving, hello.runners, hello.running, hello.perMinute, hello.failedPerMinute], [2, 2, 4, 20, 2]);
});

Deno.test("GET /status says what is wrong, errors first, each with its reason and what to do", async () => {
  const { ask, runner } = fakeApi();
  runner.readiness = { ready: false, checks: [{ name: "broker: publishing", ok: false, detail: "disk alarm" }] };
  const functions = [
    announced("broken", { state: "broken", detail: "a.ts:1 is wrong" }),
    announced("failing", { perMinute: 10, failedPerMinute: 6 }),
    announced("paused", { state: "paused", detail: "paused for all runners by ann" }),
    announced("tripped", { state: "paused", detail: "50 % or more failed within 60 s" }),
  ];
  runner.fleet = [
    runnerOf("one", { functions }),
    runnerOf("two", { functions: [announced("broken")] }),
    runnerOf("three", { gone: true, functions: [announced("lonely")] }),
  ];
  const { healthy, troubles, functions: seen } = await (await ask("/status")).json();
  assertEquals(healthy, false);
  assertEquals(troubles.map(({ severity, kind }: { severity: string; kind: string }) => `${severity} ${kind}`), [
    "error not-ready",
    "error no-consumer",
    "error broken",
    "error kill-switch",
    "warning failing",
    "warning runner-gone",
  ]);
  assertEquals(troubles[2].reason, "on one: a.ts:1 is wrong");
  const states = Object.fromEntries(seen.map(({ name, state }: { name: string; state: string }) => [name, state]));
  assertEquals(states, { broken: "broken", failing: "serving", lonely: "gone", paused: "paused", tripped: "paused" });
});
