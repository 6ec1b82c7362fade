import { assertEquals, assertMatch, assertNotEquals, assertRejects } from "@std/assert";
import type { OutgoingMessage } from "../../../lib/amqp/publishing/confirms/outgoing_message.ts";
import { WarrenError } from "../../../lib/base/errors.ts";
import type { Entry } from "../../../lib/runner/function_registry.ts";
import { RunNow } from "../../../lib/runner/operating/run_now.ts";
import { loaded } from "../../fake_served.ts";

const NOW = new Date("2026-03-01T12:00:00.500Z");

function runNowOf(...functions: ReturnType<typeof loaded>[]) {
  const published: OutgoingMessage[] = [];
  const entries = new Map(functions.map((one): [string, Entry] => {
    return [one.name, { loaded: one, served: undefined, error: undefined }];
  }));
  const publisher = { publish: (message: OutgoingMessage) => Promise.resolve(void published.push(message)) };
  return { published, runNow: new RunNow({ functions: entries, publisher, now: () => NOW }) };
}

Deno.test("a scheduled function that runs now gets a message like a scheduled one, with an id of its own", async () => {
  const { runNow, published } = runNowOf(loaded("report", "1", { queue: "reports", schedule: "0 0 1 1 *" }));
  const { messageId } = await runNow.run("report");
  const [{ exchange, routingKey, body, properties }] = published;
  assertEquals([exchange, routingKey], ["", "reports"]);
  assertEquals(JSON.parse(new TextDecoder().decode(body)), { scheduled: NOW.toISOString() });
  assertEquals(properties, {
    contentType: "application/json",
    deliveryMode: 2,
    messageId,
    timestamp: NOW,
    headers: { "warren-scheduled": NOW.toISOString() },
  });
  assertMatch(messageId, /^run-now\/report\/[0-9a-f-]{36}$/);
  assertNotEquals((await runNow.run("report")).messageId, messageId);
});

Deno.test("an id of a function with a long name fits into a property", async () => {
  const name = "r".repeat(250);
  const { runNow } = runNowOf(loaded(name, "1", { queue: "reports", schedule: "0 0 1 1 *" }));
  assertEquals((await runNow.run(name)).messageId.length, 255);
});

Deno.test("what has no schedule, and what is not there, does not run", async () => {
  const { runNow, published } = runNowOf(loaded("hello", "1", {}));
  assertEquals((await assertRejects(() => runNow.run("hello"), WarrenError)).code, "config");
  assertEquals((await assertRejects(() => runNow.run("nobody"), WarrenError)).code, "missing");
  assertEquals(published, []);
});
