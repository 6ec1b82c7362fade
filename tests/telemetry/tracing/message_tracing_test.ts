import { assertEquals } from "@std/assert";
import { WarrenError } from "../../../lib/base/errors.ts";
import { resolveFunctionConfig } from "../../../lib/invocation/definition/function_config.ts";
import type { Ended } from "../../../lib/invocation/insight/ended.ts";
import type { DeliveredInvocation } from "../../../lib/invocation/sandbox.ts";
import { MessageTracing } from "../../../lib/telemetry/tracing/message_tracing.ts";
import { FakeSpans } from "./fake_spans.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const definition = resolveFunctionConfig(
  { queue: "orders", schedule: "@daily" },
  { name: "order", file: "/order.ts", version: "v7" },
);
const INVOCATION: DeliveredInvocation = {
  body: new Uint8Array(3),
  properties: { messageId: "m", correlationId: "c" },
  headers: { tenant: "t" },
  exchange: "shop",
  routingKey: "order.new",
  redelivered: false,
  attempt: 2,
  wantsResult: false,
  returns: 0,
  setAside: false,
};
const FAILURE = { type: "TypeError", message: "the body was 'secret'", stack: "at secret" };

function ended(more: Partial<Ended>): Ended {
  return {
    definition,
    invocation: INVOCATION,
    outcome: { kind: "failed", failure: FAILURE },
    next: { kind: "deadLetter", reason: "failed" },
    published: [],
    receivedAt: 1_000,
    startedAt: 2_000,
    endedAt: 3_000,
    ...more,
  };
}

Deno.test("the span of a message is its trace while it is processed, and ends with what became of it", () => {
  const spans = new FakeSpans();
  const tracing = new MessageTracing(spans);
  const invocation = tracing.begin(definition, INVOCATION);
  assertEquals(invocation.headers, { tenant: "t", traceparent: `00-${"a".repeat(32)}-0000000000000001-01` });
  assertEquals(INVOCATION.headers, { tenant: "t" });
  tracing.ended(ended({ invocation }));
  tracing.leave(invocation);

  const [{ name, attributes, events, ended: times, failed }] = spans.all;
  assertEquals([name, times, failed, spans.all.length], ["process orders", 1, true, 1]);
  assertEquals(attributes, {
    "messaging.system": "rabbitmq",
    "messaging.operation.name": "process",
    "messaging.operation.type": "process",
    "messaging.destination.name": "shop:order.new:orders",
    "messaging.rabbitmq.destination.routing_key": "order.new",
    "messaging.message.id": "m",
    "messaging.message.conversation_id": "c",
    "messaging.message.body.size": 3,
    "faas.name": "order",
    "faas.version": "v7",
    "faas.trigger": "pubsub",
    "warren.attempt": 2,
    "warren.outcome": "failed",
    "warren.disposition": "deadLetter",
    "error.type": "TypeError",
  });
  assertEquals(events, [{
    name: "settled",
    attributes: { "warren.disposition": "deadLetter", "warren.reason": "failed" },
  }]);
});

Deno.test("a run of the schedule has the timer as its trigger", () => {
  const spans = new FakeSpans();
  const headers = { "warren-scheduled": "2026-11-27T00:00:00.000Z" };
  new MessageTracing(spans).begin(definition, { ...INVOCATION, headers });
  assertEquals(spans.all[0].attributes["faas.trigger"], "timer");
});

Deno.test("a message that goes back before its handler ended leaves a span that was abandoned", () => {
  const spans = new FakeSpans();
  const tracing = new MessageTracing(spans);
  tracing.leave(tracing.begin(definition, INVOCATION));
  tracing.leave(INVOCATION);
  const [{ attributes, ended: times, failed }] = spans.all;
  assertEquals([attributes["warren.outcome"], attributes["warren.disposition"]], ["abandoned", "return"]);
  assertEquals([times, failed, spans.all.length], [1, false, 1]);
});

Deno.test("a message whose handler was never called has a span, from when it was to begin", () => {
  const spans = new FakeSpans();
  new MessageTracing(spans).ended(ended({ outcome: { kind: "undecodable", failure: FAILURE } }));
  const [{ options, attributes, ended: times }] = spans.all;
  assertEquals([options.startTime, attributes["warren.outcome"], times], [2_000, "undecodable", 1]);
});

Deno.test("a message of a trace that is not sampled stays as it is", () => {
  const tracing = new MessageTracing(new FakeSpans());
  const unsampled = { ...INVOCATION, headers: { traceparent: `00-${TRACE}-00f067aa0ba902b7-00` } };
  assertEquals(tracing.begin(definition, unsampled) === unsampled, true);
  tracing.ended(ended({ invocation: unsampled }));
  assertEquals(tracing.publish({ ...unsampled, exchange: "" }), undefined);
});

Deno.test("a publish is named for its exchange or its queue, and an answer for neither", () => {
  const spans = new FakeSpans();
  const tracing = new MessageTracing(spans);
  const destinations = [["shop", "order.new"], ["", "orders"], ["", "amq.gen-1234"], ["fanout", ""]];
  for (const [exchange, routingKey] of destinations) tracing.publish({ ...INVOCATION, exchange, routingKey })?.end();
  const seen = spans.all.map(({ name, attributes }) => [name, attributes["messaging.destination.name"]]);
  assertEquals(seen, [
    ["publish shop", "shop:order.new"],
    ["publish orders", "orders"],
    ["publish (reply)", "amq.gen-1234"],
    ["publish fanout", "fanout"],
  ]);
});

Deno.test("a failed publish says by which code, and not by which text", () => {
  const spans = new FakeSpans();
  const tracing = new MessageTracing(spans);
  tracing.publish({ ...INVOCATION })?.end(new WarrenError("unroutable", "amqp://user:password@host"));
  const [{ attributes, failed, ended: times }] = spans.all;
  assertEquals([attributes["error.type"], failed, times], ["unroutable", true, 1]);
  assertEquals(JSON.stringify(attributes).includes("password"), false);
});
