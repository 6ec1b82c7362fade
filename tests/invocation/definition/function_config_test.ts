import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { WarrenError } from "../../../lib/base/errors.ts";
import { resolveFunctionConfig } from "../../../lib/invocation/definition/function_config.ts";

const where = { name: "orders.created", file: "/f/orders/created.ts", version: "0" };
const resolve = (data: Record<string, unknown>) => resolveFunctionConfig(data, where);

function problems(data: Record<string, unknown>): string[] {
  const error = assertThrows(() => resolve(data), WarrenError) as WarrenError;
  assertEquals(error.code, "function");
  return error.message.split("\n");
}

Deno.test("a function without config has every default", () => {
  assertEquals(resolve({}), {
    ...where,
    validates: false,
    queue: { name: "orders.created", durable: true, autoDelete: false, arguments: {} },
    bindings: [],
    concurrency: 10,
    prefetch: 10,
    batch: undefined,
    order: undefined,
    rateLimit: undefined,
    killSwitch: undefined,
    timeout: 30_000,
    retry: { attempts: 5, delay: 1_000, maxDelay: 3_600_000, multiplier: 2, jitter: 0.1, delays: undefined },
    schedule: undefined,
    output: undefined,
    onDead: undefined,
    dedupe: undefined,
    envelope: undefined,
    body: "decoded",
    permissions: {},
    strictEnv: false,
    isolation: "process",
    memory: 512 * 1024 * 1024,
    instances: 1,
    idle: 300_000,
    warm: false,
    publish: true,
    http: undefined,
    enabled: true,
  });
});

Deno.test("what config says takes the place of the defaults", () => {
  const definition = resolve({
    queue: { durable: false, arguments: { "x-max-length": 5 } },
    bindings: [{ exchange: "pictures", routingKey: "#" }],
    concurrency: 3,
    timeout: "25m",
    retry: { attempts: 1, delay: 0 },
    permissions: { net: ["example.com"], env: true },
    enabled: false,
  });
  assertEquals(definition.queue, {
    name: "orders.created",
    durable: false,
    autoDelete: false,
    arguments: { "x-max-length": 5 },
  });
  assertEquals(definition.bindings, [{ exchange: "pictures", type: "topic", routingKey: "#", arguments: {} }]);
  assertEquals([definition.concurrency, definition.prefetch, definition.timeout], [3, 3, 1_500_000]);
  assertEquals(definition.retry, {
    attempts: 1,
    delay: 0,
    maxDelay: 3_600_000,
    multiplier: 2,
    jitter: 0.1,
    delays: undefined,
  });
  assertEquals(definition.permissions, { net: ["example.com"], env: true });
  assertEquals(definition.enabled, false);
  assertEquals(resolve({ queue: "work", prefetch: 40 }).queue.name, "work");
  assertEquals(resolve({ prefetch: 40 }).prefetch, 40);
});

Deno.test("the environment is granted as a list, wholly, or with strict beside the list", () => {
  const env = (value: unknown) => {
    const { permissions, strictEnv } = resolve({ permissions: { env: value } });
    return [permissions.env, strictEnv];
  };
  assertEquals(env(["SMTP_*", "KEY"]), [["SMTP_*", "KEY"], false]);
  assertEquals(env(true), [true, false]);
  assertEquals(env({ allow: ["KEY"] }), [["KEY"], false]);
  assertEquals(env({ allow: ["KEY"], strict: true }), [["KEY"], true]);
  assertEquals(env({ strict: true }), [undefined, true]);
});

Deno.test("an unknown key is named with the nearest known one, nested keys too", () => {
  assertEquals(problems({ concurency: 1 }), ['unknown key "concurency" in config, did you mean "concurrency"?']);
  assertEquals(problems({ retry: { atempts: 1 } }), [
    'unknown key "atempts" in config.retry, did you mean "attempts"?',
  ]);
  assertEquals(problems({ queue: { durabel: true } }), [
    'unknown key "durabel" in config.queue, did you mean "durable"?',
  ]);
  assertEquals(problems({ bindings: [{ exchange: "a", exchagne: "b" }] }), [
    'unknown key "exchagne" in config.bindings[0], did you mean "exchange"?',
  ]);
  assertEquals(problems({ permissions: { nett: true } }), [
    'unknown key "nett" in config.permissions, did you mean "net"?',
  ]);
  assertStringIncludes(problems({ constructor: 1 })[0], 'unknown key "constructor"');
  assertStringIncludes(problems(JSON.parse('{"__proto__": 1}'))[0], 'unknown key "__proto__"');
});

Deno.test("everything that is wrong is said at once, with what was found and expected", () => {
  assertEquals(problems({ concurrency: "five", prefetch: 70_000, enabled: 1, bindings: [{}], retry: { jitter: 2 } }), [
    "bindings[0].exchange is missing",
    'concurrency is "five": expected a whole number from 1 to 10000',
    "prefetch is 70000: expected a whole number from 1 to 65535",
    "retry.jitter is 2: expected a number from 0 to 1",
    "enabled is 1: expected true or false",
  ]);
});

Deno.test("limits are kept, and say why", () => {
  assertStringIncludes(problems({ timeout: "26m" })[0], 'timeout is "26m": expected a duration from 1ms to 25m');
  assertStringIncludes(problems({ timeout: "26m" })[0], "unacked for 30 minutes");
  assertStringIncludes(problems({ timeout: 0 })[0], "timeout is 0");
  assertStringIncludes(problems({ timeout: "soon" })[0], 'timeout: "soon" is not a duration');
  assertStringIncludes(problems({ retry: { maxDelay: "31d" } })[0], "at most 30d");
  assertStringIncludes(problems({ retry: { delay: "2h" } })[0], "expected at most retry.maxDelay");
  for (const attempts of [1.5, -1, "3"]) problems({ retry: { attempts } });
  for (const concurrency of [0, 1.5, 10_001, null]) problems({ concurrency });
  for (const queue of ["", "amq.x", "warren.retry.10", "é".repeat(126), "a".repeat(251), 5, null, [], { name: 1 }]) {
    problems({ queue });
  }
  assertEquals(resolve({ queue: "a".repeat(250) }).queue.name.length, 250);
  for (const bindings of [{}, [1], [{ exchange: "" }], [{ exchange: "a", type: "x" }], [{ exchange: 1 }]]) {
    problems({ bindings });
  }
  for (const net of ["a", [""], ["a,b"], [1], null]) problems({ permissions: { net } });
  for (const env of ["*", "SMTP*HOST", "**", "", "A=B"]) {
    assertStringIncludes(
      problems({ permissions: { env: [env] } })[0],
      'with "*" only at the end of one, as in "SMTP_*"',
    );
  }
  assertEquals(problems({ permissions: { env: { alow: ["A"], strict: "yes" } } }), [
    'unknown key "alow" in config.permissions.env, did you mean "allow"?',
    'permissions.env.strict is "yes": expected true or false',
  ]);
  for (const value of [null, [], {}]) problems({ queue: { arguments: { "x-a": value } } });
});

Deno.test("a function whose own name cannot be a queue's needs a queue", () => {
  const amq = { ...where, name: "amq.orders" };
  assertThrows(() => resolveFunctionConfig({}, amq), WarrenError, 'queue is "amq.orders"');
  assertEquals(resolveFunctionConfig({ queue: "orders" }, amq).queue.name, "orders");
});

Deno.test("retry can be a list of delays, and output a queue or an exchange with a routing key", () => {
  const { retry, output } = resolve({ retry: ["1s", "2m"], output: "next" });
  assertEquals([retry.attempts, retry.delays], [3, [1_000, 120_000]]);
  assertEquals(output, { exchange: "", routingKey: "next" });
  assertEquals(resolve({ output: { exchange: "shop", routingKey: "sold" } }).output, {
    exchange: "shop",
    routingKey: "sold",
  });
  assertStringIncludes(problems({ retry: ["1s", "soon"] })[0], "retry[1]");
  const headers = { tenant: "a", tries: 2, last: true };
  assertEquals(resolve({ output: { routingKey: "sold", headers } }).output, {
    exchange: "",
    routingKey: "sold",
    headers,
  });
  for (const wrong of [{ "warren-attempt": 9 }, { list: [] }, { "": "a" }, []]) {
    assertStringIncludes(problems({ output: { routingKey: "sold", headers: wrong } })[0], "output.headers is ");
  }
  assertStringIncludes(problems({ output: { exchange: "shop" } })[0], "output.routingKey is missing");
});

Deno.test("messages and results can be CloudEvents, with attributes that are checked", () => {
  const event = { type: "com.example.sold", mode: "structured", tenant: "a" };
  const { envelope, output } = resolve({ envelope: "cloudevents", output: { routingKey: "next", event } });
  assertEquals([envelope, output], ["cloudevents", { exchange: "", routingKey: "next", event } as typeof output]);
  assertEquals(resolve({ body: "raw" }).body, "raw");
  assertEquals(problems({ body: "json" }), ['body is "json": expected "decoded" or "raw"']);
  assertStringIncludes(problems({ envelope: "cloudevents", body: "raw" })[0], "the body is the data of an event");
  assertEquals(problems({ envelope: "soap" }), ['envelope is "soap": expected "cloudevents"']);
  assertEquals(problems({ output: { routingKey: "q", event: { source: "not a uri" } } }), [
    'output.event: source is "not a uri": expected a URI reference, as "/orders" or "urn:example:orders"',
    "output.event: type is missing",
  ]);
  assertStringIncludes(problems({ output: { routingKey: "q", event: "t" } })[0], 'output.event is "t": expected the');
  assertStringIncludes(problems({ envelope: "cloudevents", schedule: "0 3 * * *" })[0], "are not events");
});

Deno.test("a queue's type is one of its arguments, and says what it rules out", () => {
  assertEquals(resolve({ queue: { type: "quorum" } }).queue.arguments, { "x-queue-type": "quorum" });
  const both = { type: "classic", arguments: { "x-queue-type": "classic", "x-max-length": 5 } };
  assertEquals(resolve({ queue: both }).queue.arguments, { "x-queue-type": "classic", "x-max-length": 5 });
  const other = { type: "quorum", arguments: { "x-queue-type": "classic" } };
  assertEquals(problems({ queue: other }), [
    'queue.type is "quorum", and queue.arguments has the type "classic": expected one of the two',
  ]);
  for (const [key, value] of [["durable", false], ["autoDelete", true]] as const) {
    const [problem] = problems({ queue: { type: "quorum", [key]: value } });
    assertEquals(problem.startsWith(`queue.${key} is ${value}, and queue.type is "quorum"`), true, problem);
  }
  assertEquals(problems({ queue: { type: "stream" } }), ['queue.type is "stream": expected "classic" or "quorum"']);
});

Deno.test("onDead names another queue, and dedupe is a time", () => {
  const { onDead, dedupe } = resolve({ onDead: "alerts", dedupe: "5m" });
  assertEquals([onDead, dedupe], ["alerts", 300_000]);
  assertStringIncludes(problems({ queue: "q", onDead: "q" })[0], 'onDead is "q", the function\'s own queue');
  for (const wrong of ["", 1, {}]) assertStringIncludes(problems({ onDead: wrong })[0], "the name of a queue");
  for (const wrong of ["0s", "31d", "soon"]) assertStringIncludes(problems({ dedupe: wrong })[0], "dedupe");
});
