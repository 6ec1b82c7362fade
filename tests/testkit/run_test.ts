import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import type { BatchHandler, FunctionConfig, Handler } from "warren";
import { Reject, Retry } from "warren";
import { run, runBatch } from "warren/testing";

const greet: Handler<{ name: string }, string> = ({ body }) => `hello ${body.name}`;

Deno.test("run() gives what a handler returned, as a consumer would receive it", async () => {
  const { outcome, result, next, error } = await run(greet, { name: "Ann" });
  assertEquals([outcome, result, next, error], ["completed", "hello Ann", { kind: "ack" }, undefined]);
  const dated = await run(() => ({ at: new Date(0), gone: undefined }), null);
  assertEquals(dated.result as unknown, { at: "1970-01-01T00:00:00.000Z" });
});

Deno.test("run() gives the message its headers, properties, attempt and body as they were sent", async () => {
  const seen: unknown[] = [];
  const handler: Handler = (message, { attempt, deadline }) => {
    const { body, headers, properties, redelivered, routingKey } = message;
    seen.push(body, headers, properties.messageId, properties.priority, redelivered, routingKey, message.attempt);
    seen.push(attempt, deadline instanceof Date);
  };
  const options = { headers: { a: 1 }, properties: { messageId: "m", priority: 3 }, attempt: 2, redelivered: true };
  await run(handler, new Uint8Array([255]), { ...options, name: "pay" });
  assertEquals(seen, [new Uint8Array([255]), { a: 1 }, "m", 3, true, "pay", 2, 2, true]);
});

Deno.test("run() tells the outcome of a failure, and what would become of the message", async () => {
  const config = { retry: ["1s", "1m"] } satisfies FunctionConfig;
  const failing = (error: Error) => ({ config, default: () => Promise.reject(error) });
  const first = await run(failing(new TypeError("no")), 1);
  assertEquals([first.outcome, first.error?.type, first.next], ["failed", "TypeError", {
    kind: "retry",
    delay: 1_000,
    attempt: 2,
  }]);
  const last = await run(failing(new TypeError("no")), 1, { attempt: 3 });
  assertEquals(last.next, { kind: "deadLetter", reason: "failed" });
  const rejected = await run(failing(new Reject("never")), 1);
  assertEquals([rejected.outcome, rejected.next], ["rejected", { kind: "deadLetter", reason: "rejected" }]);
  const later = await run(failing(new Retry({ delay: "20s" })), 1);
  assertEquals(later.next, { kind: "retry", delay: 20_000, attempt: 2 });
});

Deno.test("run() validates, decodes and times out as the runner does", async () => {
  const input = {
    "~standard": {
      version: 1 as const,
      vendor: "test",
      validate: (value: unknown) => typeof value === "number" ? { value } : { issues: [{ message: "no number" }] },
    },
  };
  const module = { default: ({ body }: { body: unknown }) => body, input };
  assertEquals((await run(module, 5)).result, 5);
  assertEquals((await run(module, "five")).outcome, "invalid");
  const garbage = await run(() => {}, "{", { properties: { contentType: "application/json" } });
  assertEquals(garbage.outcome, "undecodable");
  const slow = {
    config: { timeout: 20 },
    default: (_: unknown, { signal }: { signal: AbortSignal }) => aborted(signal),
  };
  assertEquals((await run(slow as never, 1)).outcome, "timedOut");
});

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
}

Deno.test("run() gives what was published, logged and kept once, and the result for the output", async () => {
  const config = { output: "done" } satisfies FunctionConfig;
  const handler: Handler<{ n: number }, { n: number }> = async ({ body }, context) => {
    await context.publish({ n: body.n + 1 }, { routingKey: "next", delay: "1m", headers: { h: "x" } });
    context.log.info("working", { n: body.n });
    const kept = await context.once("key", () => 7);
    assertEquals(await context.once("key", () => 8), kept);
    return body;
  };
  const report = await run({ default: handler, config }, { n: 1 }, { properties: { messageId: "m1" } });
  const [next, output] = report.published;
  assertEquals([next.routingKey, next.body, next.delay, next.headers], ["next", { n: 2 }, 60_000, { h: "x" }]);
  assertEquals([output.routingKey, output.body], ["done", { n: 1 }]);
  assertEquals([next.properties.messageId, output.properties.messageId], ["m1/0", "m1/1"]);
  assertEquals(report.onceKeys, ["key"]);
  const [line] = report.logs;
  assertEquals([line.level, line.message, line.fields?.n, line.fields?.messageId], ["info", "working", 1, "m1"]);
});

Deno.test("a route that the config does not allow fails the run, and nothing is published", async () => {
  const handler: Handler = (_, context) => context.publish(1, { routingKey: "elsewhere" });
  const { outcome, error, published } = await run({ default: handler, config: { publish: ["here"] } }, 1);
  assertEquals([outcome, published], ["failed", []]);
  assertStringIncludes(error!.message, 'publish: ["elsewhere"]');
});

Deno.test("a CloudEvent reaches a function that accepts only events", async () => {
  const config = { envelope: "cloudevents" } satisfies FunctionConfig;
  const handler = ({ body, event }: { body: unknown; event?: { type: string } }) => [body, event?.type];
  const module = { default: handler as Handler, config };
  const event = { type: "com.example.paid", source: "/shop" };
  assertEquals((await run(module, { id: 1 }, { event })).result, [{ id: 1 }, "com.example.paid"]);
  assertEquals((await run(module, { id: 1 })).outcome, "undecodable");
});

Deno.test("runBatch() gives a report for each message of a batch", async () => {
  const config = { batch: { size: 10 } } satisfies FunctionConfig;
  const handler: BatchHandler<number> = (messages) => {
    for (const message of messages) if (message.body === 2) message.reject("two");
  };
  const reports = await runBatch({ default: handler, config }, [1, 2, 3]);
  assertEquals(reports.map(({ outcome }) => outcome), ["completed", "rejected", "completed"]);
});

Deno.test("a config that is wrong rejects, and names what is wrong", async () => {
  const module = { default: greet, config: { timeout: "soon" } };
  const error = await assertRejects(() => run(module, {}), Error);
  assertStringIncludes(error.message, "timeout");
});
