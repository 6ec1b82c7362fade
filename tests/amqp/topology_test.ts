import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import type { Client } from "../../lib/amqp/client.ts";
import { Topology } from "../../lib/amqp/topology.ts";
import { WarrenError } from "../../lib/errors.ts";
import { resolveFunctionConfig } from "../../lib/invocation/function_config.ts";
import { Logger } from "../../lib/log.ts";

interface Call {
  method: string;
  name: string;
  params: Record<string, unknown>;
  args: Record<string, unknown>;
}

/** A client that notes what is declared, and refuses what `refuse` says: that closes the channel. */
function fakeClient(refuse: (call: Call) => string | undefined = () => undefined) {
  const calls: Call[] = [];
  let channels = 0;
  const client = {
    closed: false,
    channel: () => {
      channels++;
      const answer = (call: Call) => {
        if (channel.closed) return Promise.reject(new Error("Channel is closed"));
        calls.push(call);
        const refusal = refuse(call);
        if (refusal === undefined) return Promise.resolve();
        channel.closed = true;
        return Promise.reject(new Error(refusal));
      };
      const channel = {
        closed: false,
        close: () => Promise.resolve(void (channel.closed = true)),
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

function topology() {
  const warnings: string[] = [];
  const log = new Logger({ level: "warn", write: (line) => warnings.push(JSON.parse(line).message) });
  return { topology: new Topology(log), warnings };
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
  assertEquals(of("bind", "order"), [
    { exchange: "warren.dispatch", routingKey: "order" },
    { exchange: "shop", routingKey: "new" },
  ]);
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
  const { client, of, channels } = fakeClient(({ name, method, params }) =>
    method === "queue" && name === "order" && !params.passive ? refusal : undefined
  );
  const { topology: declared, warnings } = topology();
  await declared.declare(client, define());
  assertEquals(of("queue", "order").at(-1), { passive: true });
  assertEquals(channels(), 2, "the refusal closed the first channel");
  await declared.declare(client, define());
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

Deno.test("a declaration that is not allowed says how to mend it", async () => {
  const { client } = fakeClient(({ name }) => name === "order" ? "ACCESS_REFUSED - no configure (403)" : undefined);
  const error = await assertRejects(() => topology().topology.declare(client, define()), WarrenError);
  assertEquals(error.code, "refused");
  assertStringIncludes(error.message, 'queue "order"');
  assertStringIncludes(error.message, "permission to configure");
});

Deno.test("a lost connection is unavailable, not refused", async () => {
  const { client } = fakeClient(() => "Connection closed");
  const error = await assertRejects(() => topology().topology.declare(client, define()), WarrenError);
  assertEquals(error.code, "unavailable");
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
