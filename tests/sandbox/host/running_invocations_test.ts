import { assertEquals } from "@std/assert";
import type { Member } from "../../../lib/sandbox/host/pool.ts";
import { CLOSED } from "../../../lib/sandbox/limits/endings.ts";
import { FakeProcess, SandboxParts } from "./sandbox_parts.ts";

Deno.test("an invocation belongs to the process that it runs in, and to no other", () => {
  const parts = new SandboxParts();
  const [one, other] = [FakeProcess.make(), FakeProcess.make()];
  const [a, b] = [parts.begin("a", one), parts.begin("b")];
  assertEquals([parts.running.of(one, a.id), parts.running.of(other, a.id)], [a, undefined]);
  assertEquals([parts.running.of(one, b.id), parts.running.of(one, 1_000)], [undefined, undefined]);
  assertEquals([parts.running.in(one), parts.running.in(other)], [[a], []]);
});

Deno.test("an invocation that its process reports ends at once, and one that ends otherwise calls back later, once", async () => {
  const parts = new SandboxParts();
  const [a, b] = [parts.begin("a"), parts.begin("b")];
  parts.running.end(a, { kind: "completed" });
  parts.running.settle(b.id, CLOSED);
  parts.running.settle(b.id, CLOSED);
  assertEquals([parts.ended, parts.running.size], [["a: completed"], 0]);
  await Promise.resolve();
  assertEquals(parts.ended, ["a: completed", "b: abandoned"]);
});

Deno.test("an invocation gives its place back once, and its calls of once() are over", () => {
  const parts = new SandboxParts();
  const over: number[] = [];
  const process = FakeProcess.make({ once: { over: (id: number) => over.push(id) } });
  const running = parts.begin("a", process);
  let left = 0;
  const member = running.member = {} as Member;
  running.leave = () => left++;
  parts.running.leave(running);
  parts.running.end(running, { kind: "completed" });
  assertEquals([parts.given.length, parts.given[0] === member, left], [1, true, 1]);
  assertEquals([over, process.running, running.process], [[running.id], 0, undefined]);
});

Deno.test("the invocations of a batch are found by its number, which no invocation has", () => {
  const parts = new SandboxParts();
  const batch = parts.running.nextId();
  const [a, alone, b] = [parts.begin("a", undefined, batch), parts.begin("c"), parts.begin("b", undefined, batch)];
  assertEquals(parts.running.ofBatch(batch), [a.invocation, b.invocation]);
  assertEquals(new Set([batch, a.id, alone.id, b.id]).size, 4);
});
