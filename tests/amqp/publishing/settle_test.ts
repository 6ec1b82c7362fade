import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { Client } from "../../../lib/amqp/client/client.ts";
import type { Connection } from "../../../lib/amqp/client/connection.ts";
import type { Delivery } from "../../../lib/amqp/consuming/consumer.ts";
import type { OutgoingMessage } from "../../../lib/amqp/publishing/confirms/outgoing_message.ts";
import { Settler } from "../../../lib/amqp/publishing/settle.ts";
import { WarrenError } from "../../../lib/base/errors.ts";
import { resolveFunctionConfig } from "../../../lib/invocation/definition/function_config.ts";
import type { Disposition } from "../../../lib/invocation/outcome.ts";
import { Logger } from "../../../lib/base/log.ts";
import { anInvocation } from "../../support/invocation.ts";

const definition = resolveFunctionConfig({ queue: "orders" }, { name: "order", file: "/order.ts", version: "1" });
const invocation = anInvocation({ body: new Uint8Array([1, 2]), properties: { messageId: "m" } });
const about = { definition, invocation };
const failure = { type: "Error", message: "no", stack: "Error: no\n    at order.ts:1" };
const RETRY: Disposition = { kind: "retry", delay: 1_000, attempt: 2, failure };
const DEAD: Disposition = { kind: "deadLetter", reason: "rejected", failure };

/** A settler with everything around it faked, which notes in order what happens. */
function fake() {
  const events: string[] = [];
  const published: OutgoingMessage[] = [];
  /** What the next publishes do; after the last they succeed. */
  const answers: (Error | Promise<void>)[] = [];
  /** How long it waited between two tries; no time passes here. */
  const pauses: number[] = [];
  const lines: { message: string }[] = [];
  /** Whether nothing has to be declared any more, and whether messages can be sent without waiting. */
  const declared = { value: false };
  const sendsAtOnce = { value: false };
  /** What is to be called when the broker has confirmed what was sent at once. */
  const sent: ((error?: WarrenError) => void)[] = [];
  const client = {} as Client;
  const connection = { state: { connected: true }, opened: () => Promise.resolve(client), ready: client };
  const settler = new Settler({
    connection: connection as unknown as Connection,
    log: new Logger({ level: "info", write: (line) => void lines.push(JSON.parse(line)) }),
    pause: (ms) => Promise.resolve(void pauses.push(ms)),
    topology: {
      declare: () => Promise.resolve(void events.push("declare")),
      declareWayBack: () => Promise.resolve(void events.push("way back")),
      declareRung: (_client, ms) => Promise.resolve(void events.push(`rung ${ms}`)),
      forgetRungs: () => void events.push("forget"),
      holds: () => declared.value,
    },
    publisher: {
      send: (message, _options, sink) => {
        if (!sendsAtOnce.value) return false;
        published.push(message);
        events.push("send");
        sent.push((error) => sink.published(message, error));
        return true;
      },
      publish: async (message) => {
        published.push(message);
        events.push("publish");
        const answer = answers.shift();
        if (answer instanceof Error) throw answer;
        await answer;
        events.push("confirmed");
      },
    },
  });
  const delivery = {
    live: true,
    message: {} as Delivery["message"],
    ack: () => void events.push("ack"),
    requeue: () => void events.push("requeue"),
  };
  const settle = (disposition: Disposition, of: typeof about = about) =>
    new Promise<void>((resolve, reject) =>
      settler.settle(delivery, disposition, of, (error) => error === undefined ? resolve() : reject(error), undefined)
    );
  const at = { settler, settle, delivery, connection, events, published, answers, pauses, lines };
  return { ...at, declared, sendsAtOnce, sent };
}

Deno.test("what completed is acked, what was abandoned goes back, and nothing is published", async () => {
  const { settle, events } = fake();
  await settle({ kind: "ack" });
  await settle({ kind: "requeue" });
  assertEquals(events, ["ack", "requeue"]);
});

Deno.test("a retry is acked only once its copy is confirmed", async () => {
  const { settle, events, published, answers } = fake();
  const confirm = Promise.withResolvers<void>();
  answers.push(confirm.promise);
  const settled = settle(RETRY);
  await new Promise((resolve) => setImmediate(resolve));
  assertEquals(events, ["way back", "rung 1000", "publish"]);
  confirm.resolve();
  await settled;
  assertEquals(events, ["way back", "rung 1000", "publish", "confirmed", "ack"]);
  const [{ exchange, routingKey, body, properties }] = published;
  assertEquals([exchange, routingKey, body], ["warren.retry.1000", "orders", invocation.body]);
  assertEquals(properties.headers!["warren-attempt"], 2);
});

Deno.test("a retry without a delay goes straight back", async () => {
  const { settle, events, published } = fake();
  await settle({ ...RETRY, delay: 0 });
  assertEquals(events, ["way back", "publish", "confirmed", "ack"]);
  assertEquals([published[0].exchange, published[0].routingKey], ["warren.dispatch", "orders"]);
});

Deno.test("a dead letter is acked only once it is in its queue", async () => {
  const { settle, events, published } = fake();
  await settle(DEAD);
  assertEquals(events, ["publish", "confirmed", "ack"]);
  assertEquals([published[0].exchange, published[0].routingKey], ["", "orders.dead"]);
  assertEquals(published[0].properties.headers!["warren-reason"], "rejected");
});

Deno.test("what is set aside is acked only once its copy is confirmed, to the same queue", async () => {
  const { settler, delivery, events, published } = fake();
  assert(await settler.setAside(delivery, about));
  assertEquals(events, ["publish", "confirmed", "ack"]);
  assertEquals([published[0].exchange, published[0].routingKey], ["warren.dispatch", "orders"]);
  assertEquals(published[0].properties.headers!["warren-set-aside"], 1);
});

Deno.test("what cannot be set aside stays as it was", async () => {
  const { settler, delivery, events, answers } = fake();
  answers.push(new WarrenError("unroutable", "no queue"));
  assert(!await settler.setAside(delivery, about));
  delivery.live = false;
  assert(!await settler.setAside(delivery, about));
  assertEquals(events, ["publish"]);
});

Deno.test("a copy that the broker does not take is tried again, with its queues declared anew, and acked once", async () => {
  const { settle, events, answers } = fake();
  answers.push(new WarrenError("unroutable", "no queue"));
  await settle(RETRY);
  assertEquals(events, [
    ...["way back", "rung 1000", "publish", "forget", "declare"],
    ...["way back", "rung 1000", "publish", "confirmed", "ack"],
  ]);
});

Deno.test("the pauses between the tries grow, up to a quarter of a minute", async () => {
  const { settle, events, answers, pauses } = fake();
  answers.push(...Array.from({ length: 10 }, () => new WarrenError("unroutable", "no queue")));
  await settle(DEAD);
  assertEquals([pauses.length, events.at(-1)], [10, "ack"]);
  for (const [index, ms] of pauses.entries()) {
    const most = Math.min(200 * 2 ** index, 15_000);
    assert(ms >= most / 2 && ms <= most, `pause ${index} is ${ms} ms`);
  }
});

Deno.test("while there is no connection nothing is declared", async () => {
  const { settle, connection, events, answers } = fake();
  connection.state.connected = false;
  answers.push(new WarrenError("unavailable", "no connection"));
  await settle(DEAD);
  assertEquals(events, ["publish", "publish", "confirmed", "ack"]);
});

/** What the publisher says of headers that do not fit into a frame: nothing was sent. */
const TOO_LARGE = new WarrenError("refused", "cannot publish: a text of 9 characters is beyond its frame");

Deno.test("a dead letter that does not fit has less and less, at once, and is acked once it fits", async () => {
  const large = { ...invocation, headers: { large: "x".repeat(2_000), small: 1n } };
  const { settle, events, published, answers } = fake();
  answers.push(...Array.from({ length: 5 }, () => TOO_LARGE));
  await settle({ ...DEAD, failure: { ...failure, message: "m".repeat(1_000) } }, {
    ...about,
    invocation: large,
  });
  const has = (name: string) => published.map(({ properties: { headers } }) => headers![name] !== undefined);
  assertEquals(has("warren-stack"), [true, false, false, false, false, false]);
  assertEquals(published.map(({ properties: { headers } }) => String(headers!["warren-error"] ?? "").length), [
    ...[1_000, 1_000, 200, 200, 200, 0],
  ]);
  assertEquals(has("warren-host"), [true, true, true, false, false, false]);
  assertEquals(has("large"), [true, true, true, true, false, false]);
  assertEquals(has("small"), [true, true, true, true, true, false]);
  assertEquals(has("warren-reason"), Array(6).fill(true));
  assertEquals(
    published.map(({ properties: { headers } }) => headers!["warren-dropped"] as unknown),
    [...Array(4).fill(undefined), "large", "large, small"],
  );
  assertEquals(events.slice(-2), ["confirmed", "ack"]);
  assert(!events.includes("declare"));
});

Deno.test("a retry that does not fit without its error is a dead letter that says so, and the log does", async () => {
  const { settle, published, answers, lines } = fake();
  answers.push(TOO_LARGE, TOO_LARGE, TOO_LARGE);
  await settle(RETRY);
  assertEquals(published.map(({ exchange }) => exchange), [...Array(3).fill("warren.retry.1000"), ""]);
  const { headers } = published[3].properties;
  assertEquals([published[3].routingKey, headers!["warren-reason"]], ["orders.dead", "failed"]);
  assertStringIncludes(String(headers!["warren-error"]), "no (not tried again: its headers leave no room");
  assertEquals(lines.map(({ message }) => message), [
    "not tried again: its headers leave no room in a frame for those of a retry",
  ]);
});

Deno.test("what the broker refuses for another reason than its size is held as it is", async () => {
  const { settle, published, answers } = fake();
  answers.push(new WarrenError("refused", 'cannot publish to queue "orders.dead": access refused (403)'));
  await settle(DEAD);
  assertEquals(published.map(({ properties: { headers } }) => headers!["warren-stack"]), [
    failure.stack,
    failure.stack,
  ]);
});

Deno.test("a delivery whose channel is gone is neither copied nor acked", async () => {
  const { settle, delivery, events } = fake();
  delivery.live = false;
  await settle(RETRY);
  assertEquals(events, []);
});

Deno.test("a channel that goes while the copy fails ends the tries without an ack", async () => {
  const { settle, delivery, events, answers } = fake();
  const lost = Promise.withResolvers<void>();
  answers.push(lost.promise);
  const settled = settle(DEAD);
  delivery.live = false;
  lost.reject(new WarrenError("unavailable", "the connection is lost"));
  await settled;
  assert(!events.includes("ack"));
  assertEquals(events.filter((event) => event === "publish").length, 1);
});

Deno.test("where nothing is to be declared, a copy is sent within the turn, and acked once it is confirmed", () => {
  const { settler, delivery, events, published, declared, sendsAtOnce, sent } = fake();
  declared.value = sendsAtOnce.value = true;
  const settled: unknown[] = [];
  settler.settle(delivery, RETRY, about, (error, subject) => void settled.push(error, subject), "row");
  assertEquals([events, settled], [["send"], []]);
  assertEquals([published[0].exchange, published[0].routingKey], ["warren.retry.1000", "orders"]);
  sent[0]();
  assertEquals([events, settled], [["send", "ack"], [undefined, "row"]]);
});

Deno.test("a copy that was sent at once and not taken is tried again, and acked once", async () => {
  const { settle, events, declared, sendsAtOnce, sent } = fake();
  declared.value = sendsAtOnce.value = true;
  const settled = settle(RETRY);
  sent[0](new WarrenError("unavailable", "the broker did not confirm the message in time"));
  await settled;
  assertEquals(events, ["send", "forget", "declare", "way back", "rung 1000", "publish", "confirmed", "ack"]);
});

Deno.test("what is not declared yet, or cannot be sent at once, waits for that", async () => {
  for (const declares of [true, false]) {
    const { settle, events, declared, sendsAtOnce } = fake();
    declared.value = declares;
    sendsAtOnce.value = !declares;
    await settle(RETRY);
    assertEquals(events, ["way back", "rung 1000", "publish", "confirmed", "ack"]);
  }
});
