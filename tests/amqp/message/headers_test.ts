import { assert, assertEquals } from "@std/assert";
import { AMQPMessage, type AMQPProperties } from "@cloudamqp/amqp-client";
import { AMQPView } from "@cloudamqp/amqp-client/amqp-view";
import { patchClient } from "../../../lib/amqp/client/client_patches.ts";
import { readProperties } from "../../../lib/amqp/message/content_header.ts";
import { deadLetterForms } from "../../../lib/amqp/message/copy_forms.ts";
import {
  deadLetterProperties,
  type FailedDelivery,
  malformed,
  partitionProperties,
  redriveProperties,
  retryProperties,
  setAsideProperties,
  toDeadLetter,
  toInvocation,
} from "../../../lib/amqp/message/headers.ts";
import { resolveFunctionConfig } from "../../../lib/invocation/definition/function_config.ts";
import { writeProperties } from "../../../lib/amqp/message/write_properties.ts";
import type { Invocation } from "../../../lib/invocation/sandbox.ts";
import { EVERY_PROPERTY, EVERY_TYPE } from "../../support/amqp/odd_messages.ts";
import { encodeProperties } from "../../support/amqp/raw_codec.ts";
import { rawParts } from "../../support/amqp/raw_headers.ts";

patchClient();

const NOW = new Date("2026-01-02T03:04:05.678Z");
const definition = resolveFunctionConfig({ queue: "orders" }, { name: "order", file: "/order.ts", version: "1" });
const failure = { type: "TypeError", message: "no such thing", stack: "TypeError: no such thing\n    at order.ts:1" };

function failed(changes: Partial<Invocation> = {}): FailedDelivery {
  const invocation: Invocation = {
    body: new Uint8Array([1]),
    properties: {},
    headers: {},
    exchange: "shop",
    routingKey: "order.created",
    redelivered: false,
    attempt: 2,
    wantsResult: false,
    ...changes,
  };
  return { definition, invocation, failure, now: NOW };
}

function message(properties: AMQPProperties, body: Uint8Array | null = new Uint8Array([1])): AMQPMessage {
  const fields = { exchange: "there", routingKey: "key", redelivered: true, properties, body };
  return Object.assign(Object.create(AMQPMessage.prototype), fields);
}

Deno.test("a message that was never retried is attempt 1, from where it was published to", () => {
  const invocation = toInvocation(
    message({ messageId: "m", headers: { a: 1, "warren-exchange": "forged" } }),
    definition,
  );
  assertEquals(invocation, {
    body: new Uint8Array([1]),
    properties: { messageId: "m" },
    headers: { a: 1, "warren-exchange": "forged" },
    exchange: "there",
    routingKey: "key",
    redelivered: true,
    attempt: 1,
    returns: 0,
    setAside: false,
    wantsResult: false,
  });
});

Deno.test("a retried message says where it was first published to, and which attempt it is", () => {
  const headers = { "warren-attempt": 3, "warren-exchange": "", "warren-routing-key": "first" };
  const { attempt, exchange, routingKey } = toInvocation(message({ headers }), definition);
  assertEquals([attempt, exchange, routingKey], [3, "", "first"]);
});

Deno.test("an attempt that is no number of a run counts as the first", () => {
  for (const attempt of [0, -1, 1.5, "3", true, null]) {
    assertEquals(toInvocation(message({ headers: { "warren-attempt": attempt as number } }), definition).attempt, 1);
  }
});

Deno.test("the broker's count of returns is read in every size, and only of what was delivered before", () => {
  const returns = (count: unknown, redelivered = true) =>
    toInvocation(
      Object.assign(message({ headers: { "x-delivery-count": count as number } }), { redelivered }),
      definition,
    ).returns;
  assertEquals([returns(3), returns(4n), returns(0)], [3, 4, 0]);
  for (const other of [-1, 1.5, "3", true, null, 2n ** 70n]) assertEquals(returns(other), 0);
  assertEquals(returns(3, false), 0);
});

Deno.test("a copy that goes aside is the same attempt, of no failure, from where it was first published to", () => {
  const first = toInvocation(
    message({ messageId: "m", expiration: "5", headers: { mine: 1, "x-delivery-count": 3 } }),
    definition,
  );
  const { headers, ...properties } = setAsideProperties({ invocation: first });
  assertEquals(properties, { messageId: "m", deliveryMode: 2 });
  assertEquals(headers as unknown, {
    mine: 1,
    "warren-expiration": "5",
    "warren-exchange": "there",
    "warren-routing-key": "key",
    "warren-set-aside": 1,
  });
  const copy = Object.assign(message({ headers }), { exchange: "warren.dispatch", routingKey: "orders" });
  const { attempt, setAside, exchange, routingKey } = toInvocation(copy, definition);
  assertEquals([attempt, setAside, exchange, routingKey], [1, true, "there", "key"]);
  assertEquals(setAsideProperties({ invocation: toInvocation(copy, definition) }).headers!["warren-set-aside"], 2);
});

Deno.test("once it has run, no copy of a message is under suspicion", () => {
  const headers = { "warren-set-aside": 1 };
  for (
    const copy of [retryProperties(failed({ headers }), 3), deadLetterProperties(failed({ headers }), "failed")]
  ) assert(!Object.hasOwn(copy.headers!, "warren-set-aside"));
});

Deno.test("a message without a body and headers has no bytes and none", () => {
  const { body, headers } = toInvocation(message({}, null), definition);
  assertEquals([body, headers], [new Uint8Array(0), {}]);
});

Deno.test("headers that could not be read are a failure, and all others none", () => {
  assertEquals(malformed({}), undefined);
  assert(malformed({ "warren-malformed": "too deep" })?.message.includes("too deep"));
});

Deno.test("a retry keeps what the publisher set and says what happened", () => {
  const { headers, ...properties } = retryProperties(
    failed({ properties: { contentType: "text/plain", messageId: "m", priority: 3 }, headers: { tenant: "a" } }),
    3,
  );
  assertEquals(properties, { contentType: "text/plain", messageId: "m", priority: 3, deliveryMode: 2 });
  assertEquals(headers, {
    tenant: "a",
    "warren-attempt": 3,
    "warren-first-seen": NOW.toISOString(),
    "warren-failed-at": NOW.toISOString(),
    "warren-exchange": "shop",
    "warren-routing-key": "order.created",
    "warren-error-type": "TypeError",
    "warren-error": "no such thing",
  });
});

Deno.test("headers that brokers set or obey are not copied", () => {
  const theirs = [
    "x-death",
    "x-first-death-queue",
    "x-last-death-reason",
    "x-delivery-count",
    "x-acquired-count",
    "CC",
    "BCC",
    "x-delay",
  ];
  const given = Object.fromEntries([...theirs, "x-mine", "cc"].map((name) => [name, "value"]));
  for (
    const { headers } of [
      retryProperties(failed({ headers: given }), 3),
      deadLetterProperties(failed({ headers: given }), "failed"),
    ]
  ) {
    for (const name of theirs) assert(!Object.hasOwn(headers!, name), name);
    assertEquals([headers!["x-mine"], headers!.cc], ["value", "value"]);
  }
});

Deno.test("what cannot be read stays so in each copy, and is no reason to fail twice", () => {
  const headers = { "warren-malformed": 'the header "a" is nested deeper than 32' };
  for (
    const copy of [retryProperties(failed({ headers }), 3), deadLetterProperties(failed({ headers }), "undecodable")]
  ) assert(malformed(copy.headers!));
  const hostile = { "warren-malformed": { toString: 1 } as unknown };
  assertEquals(malformed(hostile)?.message, "the headers cannot be read");
});

Deno.test("each kind of copy has the properties and headers as they came, byte for byte", () => {
  const bytes = encodeProperties({ ...EVERY_PROPERTY, headers: EVERY_TYPE });
  const properties = readProperties({ bytes, view: new DataView(bytes.buffer) }, 0, bytes.length);
  const came = message(properties);
  const invocation = toInvocation(came, definition);
  const about = failed({ ...invocation });
  const letter = toDeadLetter(came);
  const copies = {
    retry: retryProperties(about, 2),
    deadLetter: deadLetterProperties(about, "failed"),
    smallDeadLetter: [...deadLetterForms(about, "failed")][2],
    setAside: setAsideProperties(about),
    partition: partitionProperties(came, invocation, 1),
    redrive: redriveProperties(letter),
  };
  for (const [kind, copy] of Object.entries(copies)) {
    const view = new AMQPView(new ArrayBuffer(10_000));
    const parts = rawParts(new Uint8Array(view.buffer, 0, writeProperties(view, 0, copy)));
    for (const [name, value] of Object.entries(rawParts(bytes))) assertEquals(parts[name], value, `${kind}: ${name}`);
  }
});

Deno.test("a copy neither expires nor names its user: both move into headers", () => {
  const properties = { expiration: "5000", userId: "guest", deliveryMode: 1 };
  for (
    const copy of [retryProperties(failed({ properties }), 3), deadLetterProperties(failed({ properties }), "failed")]
  ) {
    assertEquals([copy.expiration, copy.userId, copy.deliveryMode], [undefined, undefined, 2]);
    assertEquals(copy.headers!["warren-expiration"], "5000");
    assertEquals(copy.headers!["warren-user-id"], "guest");
  }
});

Deno.test("when a message was first seen is kept through its copies", () => {
  const headers = { "warren-first-seen": "2020-01-01T00:00:00.000Z" };
  const copy = retryProperties(failed({ headers }), 3);
  assertEquals(copy.headers!["warren-first-seen"], "2020-01-01T00:00:00.000Z");
  assertEquals(copy.headers!["warren-failed-at"], NOW.toISOString());
});

Deno.test("a dead letter says why, where, after how many runs and with which stack", () => {
  const { headers } = deadLetterProperties(failed(), "timedOut");
  assertEquals(headers!["warren-reason"], "timedOut");
  assertEquals(headers!["warren-attempts"], 2);
  assertEquals(headers!["warren-function"], "order");
  assertEquals(headers!["warren-queue"], "orders");
  assertEquals(headers!["warren-host"], Deno.hostname());
  assertEquals(headers!["warren-stack"], failure.stack);
});

Deno.test("the message that failed is left as it was", () => {
  const headers = { "x-death": "kept here" };
  const properties = { expiration: "1" };
  retryProperties(failed({ headers, properties }), 3);
  assertEquals([headers, properties], [{ "x-death": "kept here" }, { expiration: "1" }]);
});

Deno.test("a redriven message is attempt 1, from where it was first published to", () => {
  const headers = { "warren-redriven": 1, "warren-exchange": "shop", "warren-routing-key": "first" };
  const { attempt, exchange, routingKey } = toInvocation(message({ headers }), definition);
  assertEquals([attempt, exchange, routingKey], [1, "shop", "first"]);
});

Deno.test("a redriven message that dies again keeps its history and counts on", () => {
  const dead = message(deadLetterProperties(failed({ attempt: 5 }), "failed"));
  const first = toDeadLetter(dead);
  assertEquals([first.attempts, first.redriven, first.exchange], [5, 0, "shop"]);
  const again = message(redriveProperties(first));
  const second = toDeadLetter(message(deadLetterProperties(failed(toInvocation(again, definition)), "timedOut")));
  assertEquals([second.attempts, second.redriven, second.reason], [1, 1, "timedOut"]);
  assertEquals([second.exchange, second.routingKey, second.firstSeen], ["shop", "order.created", NOW]);
  assertEquals(redriveProperties(second).headers?.["warren-redriven"] as unknown, 2);
});

Deno.test("a dead letter that others put there says of itself what it can", () => {
  const letter = toDeadLetter(message({ headers: { "warren-failed-at": "never", "warren-attempts": "3" } }, null));
  assertEquals([letter.id, letter.failedAt, letter.attempts, letter.size], [undefined, undefined, undefined, 0]);
});

Deno.test("a copy that came back as the first attempt knows where it was first published to", () => {
  const { headers } = retryProperties(failed({ attempt: 1 }), 1);
  const copy = Object.assign(message({ headers }), { exchange: "warren.dispatch" });
  const { attempt, exchange, routingKey } = toInvocation(copy, definition);
  assertEquals([attempt, exchange, routingKey], [1, "shop", "order.created"]);
});
