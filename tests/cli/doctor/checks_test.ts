import { assertEquals, assertStringIncludes } from "@std/assert";
import type { ManagedQueue } from "../../../lib/amqp/depth/management_api.ts";
import { WarrenError } from "../../../lib/base/errors.ts";
import { negotiated } from "../../../lib/cli/doctor/broker_checks.ts";
import { describeFindings, type Finding } from "../../../lib/cli/doctor/finding.ts";
import { checkClock, checkManagement, missingRights } from "../../../lib/cli/doctor/management_checks.ts";
import { resolveFunctionConfig } from "../../../lib/invocation/definition/function_config.ts";
import type { FunctionConfig } from "../../../lib/mod.ts";

function definition(config: FunctionConfig = {}) {
  return resolveFunctionConfig({ ...config }, { name: "pay", file: "/pay.ts", version: "1" });
}

function levels(findings: readonly Finding[]): [string, string][] {
  return findings.map(({ level, check }) => [level, check]);
}

/** A management API with these answers. */
function fakeApi(answers: Record<string, unknown>, policies: Record<string, Record<string, unknown>> = {}) {
  return {
    shown: "http://broker:15672",
    vhost: "/",
    get: (path: string) => {
      const body = answers[path];
      if (body instanceof Error) return Promise.reject(body);
      return Promise.resolve({ status: 200, body: body ?? {}, date: Date.now() });
    },
    queue: (name: string): Promise<ManagedQueue> =>
      Promise.resolve({ name, effective_policy_definition: policies[name] ?? null }),
  };
}

const FINE = {
  "/nodes": [{ name: "rabbit@one", running: true, partitions: [] }],
  "/whoami": { name: "app" },
  "/users/app/permissions": [{ vhost: "/", configure: ".*", write: ".*", read: ".*" }],
};

Deno.test("what was agreed on with the broker: heartbeats, frames and channels", () => {
  const broker = { product: "RabbitMQ", version: "3.10.8" };
  const client = { heartbeat: 20, frameMax: 131_072, channelMax: 2_047 };
  assertEquals(levels(negotiated(client, broker, [])), [["info", "broker version"], ["ok", "heartbeat"]]);
  const poor = negotiated({ heartbeat: 0, frameMax: 8_192, channelMax: 33 }, broker, [definition(), definition()]);
  assertEquals(levels(poor).slice(1), [["warning", "heartbeat"], ["warning", "frame size"], ["error", "channels"]]);
  assertStringIncludes(poor.at(-1)!.text, "may have 33 channels, and these functions need up to 34");
});

Deno.test("a clock is wrong beyond what whole seconds and the way to the broker explain", () => {
  const at = (begun: number, ended: number) => checkClock(100_000, begun, ended);
  assertEquals([at(100_500, 100_600), at(98_000, 103_900), at(103_900, 104_000)].map(({ level }) => level), [
    "ok",
    "ok",
    "ok",
  ]);
  assertStringIncludes(at(111_000, 111_001).text, "this machine's clock is 10s ahead of the broker's");
  assertStringIncludes(at(39_000, 40_000).text, "this machine's clock is 1m behind the broker's");
});

Deno.test("rights are patterns, which have to match each name that a function needs", () => {
  const all = { configure: ".*", write: ".*", read: ".*" };
  assertEquals(missingRights(definition(), all), []);
  const own = { configure: "^(pay|warren\\.).*", write: "^(pay|warren\\.|amq\\.default)", read: "^(pay|warren\\.)" };
  assertEquals(missingRights(definition(), own), []);
  const bound = definition({ bindings: [{ exchange: "amq.topic", routingKey: "a" }] });
  assertEquals(missingRights(bound, own), ["read amq.topic"]);
  assertEquals(missingRights(definition({ retry: { attempts: 1 } }), { ...own, write: "" }), [
    "write amq.default, pay, warren.dispatch, warren.orphans",
  ]);
  assertEquals(missingRights(definition(), undefined).length, 3);
  // What JavaScript cannot read may be right for the broker.
  assertEquals(missingRights(definition(), { ...all, read: "(?i" }), []);
});

Deno.test("the management API tells of alarms, of policies that delete messages, and of lacking rights", async () => {
  const fine = await checkManagement(fakeApi(FINE), [definition()]);
  assertEquals(levels(fine), [
    ["ok", "management API"],
    ["ok", "clock"],
    ["ok", "nodes"],
    ["ok", "policies"],
    ["ok", "rights"],
  ]);
  const nodes = [{ name: "one", mem_alarm: true, disk_free_alarm: true, running: true, fd_used: 95, fd_total: 100 }, {
    name: "two",
    running: false,
  }];
  const policies = { "pay.dead": { "message-ttl": 1_000 }, pay: { "consumer-timeout": 60_000 } };
  const permissions = [{ vhost: "/", configure: "", write: ".*", read: ".*" }];
  const ill = await checkManagement(
    fakeApi({ ...FINE, "/nodes": nodes, "/users/app/permissions": permissions }, policies),
    [definition()],
  );
  assertEquals(levels(ill).slice(2), [
    ["error", "node one"],
    ["error", "node one"],
    ["warning", "node one"],
    ["error", "node two"],
    ["warning", "queue pay"],
    ["error", "queue pay.dead"],
    ["error", "function pay"],
  ]);
});

Deno.test("what the user may not see is said, and the rest is looked at", async () => {
  const refused = new WarrenError("refused", "the user may not");
  const some = await checkManagement(fakeApi({ ...FINE, "/nodes": refused, "/users/app/permissions": refused }), []);
  assertEquals(levels(some).slice(2), [["info", "nodes"], ["ok", "policies"], ["info", "rights"]]);
  const none = await checkManagement(fakeApi({ "/overview": new WarrenError("unavailable", "no route") }), []);
  assertEquals(levels(none), [["error", "management API"]]);
});

Deno.test("findings are a line each, with what to do below", () => {
  const findings: Finding[] = [
    { level: "ok", check: "disk", text: "much" },
    { level: "warning", check: "clock", text: "late", action: "set it" },
  ];
  assertEquals(describeFindings(findings), "ok       disk: much\nwarning  clock: late\n         → set it");
});
