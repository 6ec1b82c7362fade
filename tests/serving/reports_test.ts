import { assert, assertEquals } from "@std/assert";
import type { Outcome } from "../../lib/invocation/outcome.ts";
import type { FunctionConfig } from "../../lib/mod.ts";
import { COMPLETED, FAILED } from "./fake_sandbox.ts";
import { settled } from "./fake_timers.ts";
import { QUEUE, Served } from "./served.ts";

/** A function whose ends are observed. */
function observed(config: FunctionConfig): Promise<Served> {
  return Served.start(config, {}, true);
}

/** Each end as `body: outcome → what became of the message`. */
function reported({ ended }: Served): string[] {
  return ended.map(({ invocation, outcome, next: { kind, ...rest } }) => {
    const more = Object.entries(rest).map(([name, value]) => ` ${name}=${value}`).join("");
    return `${new TextDecoder().decode(invocation.body)}: ${outcome.kind} → ${kind}${more}`;
  });
}

async function end(one: Served, body: string, outcome: Outcome): Promise<void> {
  one.run(body).end(outcome);
  await settled();
  await one.timers.pass(0);
}

Deno.test("each end is reported once, with what became of the message", async () => {
  const one = await observed({ retry: { attempts: 2, delay: "5s", jitter: 0 }, concurrency: 5 });
  await one.publish("good", "bad", "refused");
  await end(one, "good", COMPLETED);
  await end(one, "bad", FAILED);
  await end(one, "refused", { kind: "rejected", failure: { type: "Reject", message: "no" } });
  await one.timers.pass(5_000);
  await end(one, "bad", FAILED);
  assertEquals(reported(one), [
    "good: completed → ack",
    "bad: failed → retry delay=5000 attempt=2",
    "refused: rejected → deadLetter reason=rejected",
    "bad: failed → deadLetter reason=failed",
  ]);
  assertEquals(one.ended.map(({ invocation }) => invocation.attempt), [1, 1, 1, 2]);
  await one.close();
});

Deno.test("a report has its times in order, and the ids of what was published", async () => {
  const before = Date.now();
  const one = await observed({});
  await one.publish("a");
  const output = { exchange: "", body: new Uint8Array(), properties: {}, headers: {}, delay: 0 };
  await end(one, "a", { kind: "completed", outputs: [{ ...output, routingKey: "x" }, { ...output, routingKey: "y" }] });
  const [{ receivedAt, startedAt, endedAt, published, definition }] = one.ended;
  assertEquals([published, definition.version], [["x/0", "y/1"], "v1"]);
  assert(before <= receivedAt && receivedAt <= startedAt && startedAt <= endedAt && endedAt <= Date.now());
  await one.close();
});

Deno.test("what cannot be published makes the report a failure", async () => {
  const one = await observed({ retry: { attempts: 1 } });
  one.broker.refusesOutputs = true;
  await one.publish("a");
  await end(one, "a", { kind: "completed", result: { body: new Uint8Array(), contentType: undefined } });
  assertEquals(reported(one), ["a: failed → deadLetter reason=failed"]);
  await one.close();
});

Deno.test("a handler that ends after the broker took its message back has run, and its message is not done", async () => {
  const one = await observed({});
  await one.publish("a");
  one.broker.consumerOf(QUEUE)!.lose("the connection is lost");
  await settled();
  await end(one, "a", COMPLETED);
  assertEquals(reported(one), ["a: completed → return lost=true"]);
  await end(one, "a", COMPLETED);
  assertEquals(reported(one).slice(1), ["a: completed → ack"]);
  await one.close();
});

Deno.test("a delivery that is lost while its copy is on its way was not retried", async () => {
  const one = await observed({ retry: { attempts: 2, delay: "1s", jitter: 0 } });
  const { promise, resolve } = Promise.withResolvers<void>();
  one.broker.confirms = promise;
  await one.publish("a");
  await end(one, "a", FAILED);
  assertEquals(reported(one), []);
  one.broker.consumerOf(QUEUE)!.lose("the connection is lost");
  resolve();
  await settled();
  assertEquals(reported(one), ["a: failed → return lost=true"]);
  await one.close();
});

Deno.test("what is abandoned, or fails because the runner stops, is no end", async () => {
  const one = await observed({ concurrency: 2 });
  await one.publish("a", "b");
  await end(one, "a", { kind: "abandoned", reason: "the process went" });
  await one.served.abort();
  await settled();
  assertEquals(reported(one), []);
  await one.close();
});

Deno.test("each message of a batch is reported", async () => {
  const one = await observed({ batch: { size: 2, wait: 1_000 } });
  await one.publish("a", "b");
  one.runs[0].end(COMPLETED);
  await settled();
  assertEquals(reported(one).toSorted(), ["a: completed → ack", "b: completed → ack"]);
  await one.close();
});

Deno.test("a message that never runs has ended when it began", async () => {
  const one = await observed({});
  one.broker.publish(QUEUE, ["odd"], { headers: { "warren-malformed": "a table without an end" } });
  await settled();
  await one.timers.pass(0);
  const [{ startedAt, endedAt }] = one.ended;
  assertEquals([reported(one), startedAt > 0, endedAt - startedAt < 1_000], [
    ["odd: undecodable → deadLetter reason=undecodable"],
    true,
    true,
  ]);
  await one.close();
});

Deno.test("an ordered message that is held for its next attempt is a retry", async () => {
  const one = await observed({ order: { by: "routingKey" }, retry: { attempts: 2, delay: "1s", jitter: 0 } });
  await one.publish("a");
  await end(one, "a", FAILED);
  await one.timers.pass(1_000);
  await end(one, "a", COMPLETED);
  assertEquals(reported(one), ["a: failed → retry delay=1000 attempt=2", "a: completed → ack"]);
  await one.close();
});
