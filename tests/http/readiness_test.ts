import { assertEquals } from "@std/assert";
import { type Condition, readinessOf, whyIdle, whyNotReady } from "../../lib/http/readiness.ts";
import type { FunctionState, FunctionView } from "../../lib/http/runner_view.ts";
import { noOutcomes } from "../../lib/invocation/outcome.ts";

function seen(state: FunctionState, more: Partial<FunctionView> = {}): FunctionView {
  return { name: "pay", file: "/functions/pay.ts", state, running: 0, counts: noOutcomes(), ...more };
}

function ready(functions: FunctionView[], more: Partial<Condition> = {}) {
  return readinessOf({ started: true, connections: [{ name: "broker", ok: true }], functions, strict: false, ...more });
}

Deno.test("a runner whose connections work and whose functions serve is ready", () => {
  const { ready: is, checks } = ready([seen("serving")]);
  assertEquals([is, checks.at(-1)], [true, { name: "function pay", ok: true, detail: undefined }]);
});

Deno.test("a runner that starts, or has no connection, is not ready", () => {
  assertEquals(whyNotReady(ready([], { started: false })), "runner (starting or stopping)");
  const connections = [{ name: "broker", ok: false, detail: "refused" }];
  assertEquals(whyNotReady(ready([], { connections })), "broker (refused)");
});

Deno.test("what the broker does not answer about is a reason, and decides nothing by itself", () => {
  const unanswered = [{ what: 'queue "pay.dead"', detail: "the broker has not answered for 7 s" }];
  const { ready: is, checks } = ready([seen("serving")], { unanswered });
  const [{ detail }] = unanswered;
  assertEquals([is, checks[2]], [true, { name: 'declaring queue "pay.dead"', ok: false, required: false, detail }]);
});

Deno.test("a function that does not consume yet, or not any more, makes the runner not ready", () => {
  for (const state of ["starting", "unavailable", "draining"] as const) {
    assertEquals([state, ready([seen(state)]).ready], [state, false]);
  }
});

Deno.test("a broken function is named with its reason, and decides only in a strict runner", () => {
  const functions = [seen("broken", { error: "no licence" })];
  const { ready: lenient, checks } = ready(functions);
  assertEquals(lenient, true);
  assertEquals(checks.at(-1), { name: "function pay", ok: false, required: false, detail: "broken: no licence" });
  const strict = ready(functions, { strict: true });
  assertEquals([strict.ready, whyNotReady(strict)], [false, "function pay (broken: no licence)"]);
});

Deno.test("a paused function is named and never decides, a disabled one is fine", () => {
  const paused = ready([seen("paused", { error: "paused by hand" })], { strict: true });
  assertEquals(paused.ready, true);
  assertEquals(paused.checks.at(-1), { name: "function pay", ok: false, required: false, detail: "paused: by hand" });
  assertEquals(ready([seen("disabled")], { strict: true }).checks.at(-1)?.ok, true);
});

Deno.test("a function whose newest version was refused serves, and says so", () => {
  const { checks } = ready([seen("serving", { error: "a.ts:1:1: syntax error" })]);
  const detail = "an older version serves: a.ts:1:1: syntax error";
  assertEquals(checks.at(-1), { name: "function pay", ok: true, detail });
});

Deno.test("a function whose module nobody has loaded yet is not said to work", () => {
  const detail = "its module is not loaded yet: the first message does it";
  const functions = [seen("serving", { loaded: false })];
  const { ready: lenient, checks } = ready(functions);
  assertEquals([lenient, checks.at(-1)], [true, { name: "function pay", ok: true, detail }]);
  const strict = ready(functions, { strict: true });
  assertEquals([strict.ready, strict.checks.at(-1)], [false, { name: "function pay", ok: false, detail }]);
  assertEquals(ready([seen("serving", { loaded: true })], { strict: true }).ready, true);
});

Deno.test("a function that takes messages, or will in a moment, is not idle; the others say why they are", () => {
  assertEquals(["serving", "starting"].map((state) => whyIdle(seen(state as FunctionState))), [undefined, undefined]);
  assertEquals(whyIdle(seen("broken", { error: "no licence" })), 'function "pay" is broken: no licence');
  assertEquals(whyIdle(seen("disabled")), 'function "pay" is disabled');
});
