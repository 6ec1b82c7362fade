import { assertEquals } from "@std/assert";
import type { AnnouncedRunner } from "../../../lib/invocation/insight/fleet.ts";
import { announced } from "../../amqp/fleet/fake_fleet.ts";
import { fakeApi } from "../fake_runner.ts";

function runnerOf(name: string, more: Partial<AnnouncedRunner> = {}): AnnouncedRunner {
  const base = { id: name, name, host: "h", version: "1", startedAt: 0, seenAt: 0, gone: false, self: false };
  return { ...base, functions: [announced("hello")], ...more };
}

Deno.test("GET /runners lists all runners", async () => {
  const { ask, operator } = fakeApi();
  operator.fleet = [runnerOf("one", { self: true }), runnerOf("two", { gone: true })];
  const { runners } = await (await ask("/runners")).json();
  assertEquals(runners, JSON.parse(JSON.stringify(operator.fleet)));
});

Deno.test("GET /status is healthy where nothing is wrong, with the sums over all runners", async () => {
  const { ask, operator } = fakeApi();
  const busy = announced("hello", { running: 2, perMinute: 10, failedPerMinute: 1 });
  operator.fleet = [runnerOf("one", { functions: [busy] }), runnerOf("two", { functions: [busy] })];
  const { healthy, functions: [hello], troubles } = await (await ask("/status")).json();
  assertEquals([healthy, troubles], [true, []]);
  assertEquals([hello.serving, hello.runners, hello.running, hello.perMinute, hello.failedPerMinute], [2, 2, 4, 20, 2]);
});

Deno.test("GET /status says what is wrong and how much waits", async () => {
  const { ask, operator } = fakeApi();
  operator.fleet = [runnerOf("one")];
  operator.found = [{ severity: "error", kind: "broken", title: "x", reason: "y", action: "z" }];
  operator.measured.set("hello", { function: "hello", queue: "hello", ready: 7, at: 0, source: "broker" });
  const { healthy, troubles, functions: [hello] } = await (await ask("/status")).json();
  assertEquals([healthy, troubles, hello.waiting], [false, operator.found, 7]);
});
