import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import type { Client } from "../../../lib/amqp/client/client.ts";
import { Topology, type TopologyOptions } from "../../../lib/amqp/topology/topology.ts";
import { WarrenError } from "../../../lib/base/errors.ts";
import { resolveFunctionConfig } from "../../../lib/invocation/definition/function_config.ts";
import { Logger } from "../../../lib/base/log.ts";
import { eventually } from "../../support/eventually.ts";

interface Call {
  method: string;
  name: string;
  params: Record<string, unknown>;
  args: Record<string, unknown>;
}

/**
 * A client that notes what is declared, and refuses what `refuse` says: that closes the channel. While it is `silent`,
 * nothing has an answer.
 */
function fakeClient(
  refuse: (call: Call) => string | undefined = () => undefined,
  silent: (call?: Call) => boolean = () => false,
) {
  const calls: Call[] = [];
  let channels = 0;
  const client = {
    closed: false,
    channel: () => {
      channels++;
      const answer = (call: Call) => {
        if (channel.closed) return Promise.reject(new Error("Channel is closed"));
        if (silent(call)) return new Promise<void>(() => {});
        calls.push(call);
        const refusal = refuse(call);
        if (refusal === undefined) return Promise.resolve();
        channel.closed = true;
        return Promise.reject(new Error(refusal));
      };
      const channel = {
        closed: false,
        connection: client,
        close: () => silent() ? new Promise<void>(() => {}) : Promise.resolve(void (channel.closed = true)),
        queueDeclare: (name: string, params = {}, args = {}) => answer({ method: "queue", name, params, args }),
        exchangeDeclare: (name: string, type: string, params = {}, args = {}) =>
          answer({ method: "exchange", name, params: { type, ...params }, args }),
        queueBind: (name: string, exchange: string, routingKey: string, args = {}) =>
          answer({ method: "bind", name, params: { exchange, routingKey }, args }),
      };
      return Promise.resolve(channel);
    },
  };
  const of = (method: string, name: string) =>
    calls.filter((call) => call.method === method && call.name === name).map(({ params }) => params);
  return { client: client as unknown as Client, calls, of, channels: () => channels };
}

function topology(options: TopologyOptions = {}) {
  const warnings: string[] = [];
  const log = new Logger({ level: "warn", write: (line) => warnings.push(JSON.parse(line).message) });
  return { topology: new Topology(log, options), warnings };
}

/** As a RabbitMQ of that version. */
function rabbitmq(version: string): TopologyOptions {
  return { identify: () => ({ product: "RabbitMQ", version }) };
}

function define(config: Record<string, unknown> = {}) {
  return resolveFunctionConfig(config, { name: "order", file: "/order.ts", version: "1" });
}

Deno.test("a function has its queue, its dead letters, its bindings and the way back of its retries", async () => {
  const { client, of, calls } = fakeClient();
  const bindings = [{ exchange: "shop", type: "direct", routingKey: "new" }];
  await topology().topology.declare(client, define({ bindings }));
  const kept = { durable: true, autoDelete: false, exclusive: false };
  assertEquals(of("queue", "order"), [kept]);
  assertEquals(of("queue", "order.dead"), [kept]);
  assertEquals(of("queue", "warren.orphans"), [kept]);
  assertEquals(of("exchange", "shop"), [{ type: "direct", passive: false, durable: true }]);
  const bound = of("bind", "order").map(({ exchange, routingKey }) => `${exchange} ${routingKey}`);
  assertEquals(bound.sort(), ["shop new", "warren.dispatch order"]);
  const dispatch = calls.find(({ name }) => name === "warren.dispatch");
  assertEquals(dispatch?.args, { "alternate-exchange": "warren.orphans" });
});

Deno.test("the broker's own exchanges are not declared, only looked for", async () => {
  const { client, of } = fakeClient();
  await topology().topology.declare(client, define({ bindings: [{ exchange: "amq.topic" }] }));
  assertEquals(of("exchange", "amq.topic"), [{ type: "topic", passive: true, durable: true }]);
});

Deno.test("a broker that refuses queues that are not durable gets a durable one the next time", async () => {
  const refusal = "Connection closed by server: NOT_ALLOWED - transient_nonexcl_queues is deprecated (541)";
  const { client, of } = fakeClient(({ name, params }) =>
    name === "order" && params.durable === false ? refusal : undefined
  );
  const { topology: declared, warnings } = topology();
  const definition = define({ queue: { durable: false } });
  await assertRejects(() => declared.declare(client, definition), Error, "541");
  await declared.declare(client, definition);
  assertEquals(of("queue", "order").map(({ durable }) => durable), [false, true]);
  assertEquals(warnings.length, 1);
  assertStringIncludes(warnings[0], '"order" is declared durable');
});

Deno.test("a queue that exists with other arguments is used as it is, and that is told once", async () => {
  const refusal = "Channel 1 closed: PRECONDITION_FAILED - inequivalent arg 'x-max-length' (406)";
  const { client, of } = fakeClient(({ name, method, params }) =>
    method === "queue" && name === "order" && !params.passive ? refusal : undefined
  );
  const { topology: declared, warnings } = topology();
  await declared.declare(client, define());
  assertEquals(of("queue", "order").at(-1), { passive: true });
  await declared.declare(client, define());
  // From then on it is looked for: a refusal is an error in the broker's log.
  assertEquals(of("queue", "order").map(({ passive }) => passive), [undefined, true, true]);
  assertEquals(warnings.length, 1);
  assertStringIncludes(warnings[0], "x-max-length");
});

Deno.test("an exchange that exists with other arguments is used as it is, and that is told once", async () => {
  const refusal = "Channel 1 closed: PRECONDITION_FAILED - inequivalent arg 'type' (406)";
  const { client, of } = fakeClient(({ name, method, params }) =>
    method === "exchange" && name === "shop" && !params.passive ? refusal : undefined
  );
  const { topology: declared, warnings } = topology();
  const definition = define({ bindings: [{ exchange: "shop" }] });
  await declared.declare(client, definition);
  await declared.declare(client, definition);
  assertEquals(of("exchange", "shop").map(({ passive }) => passive), [false, true, false, true]);
  assertEquals(warnings.length, 1);
});

/** A broker whose user may configure and bind nothing, with these queues and exchanges. */
function restricted(existing: string[]) {
  return fakeClient(({ method, name, params }) => {
    if (method === "bind") return `ACCESS_REFUSED - write access to queue '${name}' refused for user 'ann' (403)`;
    if (!params.passive) return `ACCESS_REFUSED - configure access to '${name}' refused for user 'ann' (403)`;
    return existing.includes(name) ? undefined : `NOT_FOUND - no '${name}' (404)`;
  });
}

const DISPATCH = ["warren.dispatch", "warren.orphans"];

Deno.test("what a user may not declare is used where it is there, bindings are taken to be there", async () => {
  const rungs = ["warren.retry.2000", "warren.retry.1000"];
  const existing = [...DISPATCH, "order", "order.dead", "shop", "order.p0", "warren.members.order", ...rungs];
  const { client } = restricted(existing);
  const { topology: declared, warnings } = topology();
  const definition = define({ bindings: [{ exchange: "shop" }], retry: ["1s", "2s"] });
  await declared.declare(client, definition);
  await declared.declareRung(client, 1_000);
  await declared.bindToDispatch(client, "other");
  await declared.declare(client, definition);
  assertEquals(warnings.filter((line) => line.includes('queue "order" to exchange "shop"')).length, 1);
  assert(warnings.every((line) => line.includes("taken to be there")), String(warnings));

  const ordered = define({ order: { by: "routingKey", partitions: 1 } });
  await declared.declare(client, ordered);
  assertEquals(await declared.declareOrder(client, { ...ordered, order: ordered.order! }), 1);
});

Deno.test("what a user may not declare and is missing is listed at once, with all the rights that are needed", async () => {
  const { client } = restricted([...DISPATCH, "order", "amq.topic"]);
  const definition = define({ bindings: [{ exchange: "shop" }, { exchange: "amq.topic" }], retry: ["1s"] });
  const { code, message } = await assertRejects(() => topology().topology.declare(client, definition), WarrenError);
  assertEquals(code, "refused");
  const nothing = restricted([...DISPATCH, "amq.topic"]);
  const first = await assertRejects(() => topology().topology.declareQueue(nothing.client, definition), WarrenError);
  assertStringIncludes(first.message, 'missing on the broker: queue "order", queue "order.dead", exchange "shop"');
  const missing = 'queue "order.dead", exchange "shop", exchange "warren.retry.1000", queue "warren.retry.1000"';
  assertStringIncludes(message, `missing on the broker: ${missing}. Declare it beforehand, or give the user`);
  const own = "order, order.dead, warren.dispatch, warren.orphans, warren.retry.1000";
  assertStringIncludes(message, `configure ${own}, shop;`);
  assertStringIncludes(message, "write amq.default, order, warren.dispatch, warren.orphans, warren.retry.1000;");
  assertStringIncludes(message, `read ${own}, shop, amq.topic.`);
  assertStringIncludes(message, "refused for user 'ann'");
});

Deno.test("partitions and retry queues that are missing are listed too", async () => {
  const { client } = restricted([...DISPATCH, "order.p0"]);
  const definition = define({ order: { by: "routingKey", partitions: 2 } });
  const declareOrder = () => topology().topology.declareOrder(client, { ...definition, order: definition.order! });
  const partitions = await assertRejects(declareOrder, WarrenError);
  assertStringIncludes(partitions.message, 'queue "order.p1", queue "warren.members.order". Declare it');
  const rung = await assertRejects(() => topology().topology.declareRung(client, 500), WarrenError);
  assertStringIncludes(rung.message, 'exchange "warren.retry.500", queue "warren.retry.500". Declare it');
  assertEquals([partitions.code, rung.code], ["refused", "refused"]);
});

Deno.test("a declare that the broker does not answer is given up, and tried again the next time", async () => {
  let silent = true;
  const { client, of } = fakeClient(() => undefined, () => silent);
  const declared = new Topology(new Logger({ level: "silent" }), { patience: 20 });
  const error = await assertRejects(() => declared.declareRung(client, 500), WarrenError);
  assertEquals(error.code, "unavailable");
  assertStringIncludes(error.message, 'did not answer within 0.02 s about exchange "warren.dispatch"');
  await assertRejects(() => declared.bindToDispatch(client, "order"), WarrenError, "did not answer");
  silent = false;
  await declared.declareRung(client, 500);
  assertEquals(of("queue", "warren.retry.500").length, 1);
});

Deno.test("a connection on which the broker takes nothing is not asked", async () => {
  const { client, calls } = fakeClient();
  Object.assign(client, { blocked: "low on memory" });
  const error = await assertRejects(() => topology().topology.declareRung(client, 500), WarrenError, "low on memory");
  assertEquals([error.code, calls], ["unavailable", []]);
});

Deno.test("a queue whose node is down is unavailable, an exchange that is not there is refused", async () => {
  const down = "NOT_FOUND - home node 'rabbit@b' of durable queue 'order' in vhost '/' is down or inaccessible (404)";
  const lost = fakeClient(({ method }) => method === "queue" ? down : undefined);
  const unavailable = await assertRejects(() => topology().topology.declareQueue(lost.client, define()), WarrenError);
  const absent = fakeClient(({ name }) => name === "amq.none" ? "NOT_FOUND - no exchange 'amq.none' (404)" : undefined);
  const definition = define({ bindings: [{ exchange: "amq.none" }] });
  const refused = await assertRejects(() => topology().topology.declareRest(absent.client, definition), WarrenError);
  assertEquals([unavailable.code, refused.code], ["unavailable", "refused"]);
});

Deno.test("a lost connection is unavailable, not refused", async () => {
  const { client } = fakeClient(() => "Connection closed");
  const error = await assertRejects(() => topology().topology.declare(client, define()), WarrenError);
  assertEquals(error.code, "unavailable");
});

Deno.test("a queue about which the broker says nothing holds back none of the others, and is a reason until it does", async () => {
  const { client, of } = fakeClient(() => undefined, (call) => call?.name === "order.dead");
  const { topology: declared, warnings } = topology({ late: 1, patience: 200 });
  const over = new AbortController();
  const resting = declared.declareRest(client, define({ bindings: [{ exchange: "shop" }] }), { signal: over.signal });
  await eventually(() => declared.unanswered.length === 1);
  assertEquals(declared.unanswered[0].what, 'queue "order.dead"');
  assertEquals(warnings, ['the broker has not answered for 0.001 s about queue "order.dead"']);
  assertEquals([of("queue", "warren.orphans").length, of("bind", "order").length], [1, 2]);
  await declared.declareWayBack(client, define());
  over.abort();
  await assertRejects(() => resting, WarrenError, "cancelled");
  assertEquals(declared.unanswered, []);
});

Deno.test("a queue that names no type asks for no delivery limit where that means nothing for it", async () => {
  const refusal =
    "PRECONDITION_FAILED - invalid arg 'x-delivery-limit' for queue 'order' of queue type rabbit_classic_queue (406)";
  const { client, calls } = fakeClient(({ name, args }) =>
    name === "order" && "x-delivery-limit" in args ? refusal : undefined
  );
  const { topology: declared, warnings } = topology(rabbitmq("4.0.5"));
  await declared.declareQueue(client, define());
  const tried = calls.filter(({ method, name }) => method === "queue" && name === "order").map(({ args }) => args);
  assertEquals(tried, [{ "x-delivery-limit": -1 }, {}]);
  assertEquals(warnings, []);
});

Deno.test("classic queues of Warren's own from an earlier version are used as they are, and that is told once", async () => {
  const refusal =
    "PRECONDITION_FAILED - inequivalent arg 'x-queue-type' for queue 'a': received 'quorum' but current is 'classic' (406)";
  const { client, of } = fakeClient(({ args }) => args["x-queue-type"] === "quorum" ? refusal : undefined);
  const { topology: declared, warnings } = topology(rabbitmq("4.3.6"));
  await declared.declareRest(client, define());
  await declared.declareSchedule(client, define());
  assertEquals(of("queue", "order.dead").at(-1), { passive: true });
  assertEquals(warnings.length, 1);
  assertStringIncludes(warnings[0], "docs/brokers.md");
});

Deno.test("a queue that the broker ends connections for is declared durable at once, where that is a connection of its own", async () => {
  const refusal = "Connection closed by server: NOT_ALLOWED - transient_nonexcl_queues is deprecated (541)";
  const { client, of } = fakeClient(({ params }) => params.durable === false ? refusal : undefined);
  const lent: string[] = [];
  const lend = (name: string) => () => {
    lent.push(name);
    return Promise.resolve({ client, [Symbol.asyncDispose]: () => Promise.resolve() });
  };
  const { topology: declared } = topology({ connection: { lend: lend("shared"), lendAlone: lend("alone") } });
  const main = fakeClient();
  await declared.declareQueue(main.client, define({ queue: { durable: false } }));
  assertEquals(of("queue", "order").map(({ durable }) => durable), [false, true]);
  assertEquals([lent, main.calls], [["alone", "shared"], []]);
});

Deno.test("a rung is declared once a connection, however many ask for it", async () => {
  const { topology: declared } = topology();
  const { client, of, calls } = fakeClient();
  await Promise.all([declared.declareRung(client, 500), declared.declareRung(client, 500)]);
  await declared.declareRung(client, 500);
  assertEquals(of("queue", "warren.retry.500").length, 1);
  const args = calls.find(({ method, name }) => method === "queue" && name === "warren.retry.500")?.args;
  assertEquals([args?.["x-message-ttl"], args?.["x-dead-letter-exchange"]], [500, "warren.dispatch"]);
  assertEquals(of("bind", "warren.retry.500"), [{ exchange: "warren.retry.500", routingKey: "" }]);
  const other = fakeClient();
  await declared.declareRung(other.client, 500);
  assertEquals(other.of("queue", "warren.retry.500").length, 1);
  declared.forgetRungs(client);
  await declared.declareRung(client, 500);
  assertEquals(of("queue", "warren.retry.500").length, 2);
});

Deno.test("a rung that failed is tried again", async () => {
  let down = true;
  const { client, of } = fakeClient(() => down ? "Connection closed" : undefined);
  const { topology: declared } = topology();
  await assertRejects(() => declared.declareRung(client, 500), WarrenError);
  down = false;
  await declared.declareRung(client, 500);
  assert(of("queue", "warren.retry.500").length === 1);
});

Deno.test("a broker without quorum queues holds retries in a classic one", async () => {
  const refusal = "PRECONDITION_FAILED - invalid arg 'x-queue-type' (406)";
  const { client, calls } = fakeClient(({ args }) => "x-queue-type" in args ? refusal : undefined);
  await topology().topology.declareRung(client, 500);
  const tried = calls.filter(({ method, name }) => method === "queue" && name === "warren.retry.500");
  assertEquals(tried.map(({ args }) => args["x-queue-type"]), ["quorum", undefined]);
  assertEquals(tried[1].args, { "x-message-ttl": 500, "x-dead-letter-exchange": "warren.dispatch" });
});
