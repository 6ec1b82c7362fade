import type { ManagementApi } from "../../amqp/depth/management_api.ts";
import { workQueues } from "../../amqp/depth/depth_gauge.ts";
import { rightsOf } from "../../amqp/topology/rights.ts";
import { describeError, WarrenError } from "../../base/errors.ts";
import { formatDuration } from "../../base/time/duration.ts";
import { deadLetterQueue, type FunctionDefinition } from "../../invocation/definition/definition.ts";
import type { Finding } from "./finding.ts";

/** Milliseconds: a clock in whole seconds cannot be read more exactly, and nobody notices less. */
const SKEW = 3_000;
/** Warren gives a message back after 20 minutes. */
const LONGEST_DELIVERY = 20 * 60_000;
/** Part of the broker's open files. */
const MANY = 0.8;

/** What a policy, or an argument, does to messages; by its name in a policy. */
const LOSES: Readonly<Record<string, string>> = {
  "message-ttl": "deletes or moves messages after a time",
  "expires": "deletes the queue with its messages when nobody uses it",
  "max-length": "deletes or refuses messages beyond a number",
  "max-length-bytes": "deletes or refuses messages beyond a size",
};

type Api = Pick<ManagementApi, "get" | "queue" | "shown" | "vhost">;

/** What only the management API tells: clocks, alarms, policies, rights. */
export async function checkManagement(api: Api, definitions: readonly FunctionDefinition[]): Promise<Finding[]> {
  const check = "management API";
  try {
    const begun = Date.now();
    const { date } = await api.get("/overview");
    const clock = date === undefined ? [] : [checkClock(date, begun, Date.now())];
    return [
      { level: "ok", check, text: `${api.shown} answers` },
      ...clock,
      ...await allowed("nodes", () => checkNodes(api)),
      ...await allowed("policies", () => checkPolicies(api, definitions)),
      ...await allowed("rights", () => checkRights(api, definitions)),
    ];
  } catch (error) {
    const action =
      "correct MANAGEMENT_URL; the user needs the tag monitoring: rabbitmqctl set_user_tags USER monitoring";
    return [{ level: "error", check, text: describeError(error), action }];
  }
}

/** The user may see some and not all. */
async function allowed(check: string, look: () => Promise<Finding[]>): Promise<Finding[]> {
  try {
    return await look();
  } catch (error) {
    if (!(error instanceof WarrenError)) throw error;
    return [{ level: "info", check, text: `not looked at: ${error.message}` }];
  }
}

/** @param begun and `ended`: milliseconds, around the answer that has `date` */
export function checkClock(date: number, begun: number, ended: number): Finding {
  // The date is in whole seconds: the broker's clock shows between it and a second more.
  const skew = begun > date + 1_000 ? begun - date - 1_000 : ended < date ? ended - date : 0;
  const check = "clock";
  if (Math.abs(skew) < SKEW) {
    return { level: "ok", check, text: "the broker's clock is this machine's, within seconds" };
  }
  const text = `this machine's clock is ${formatDuration(Math.abs(skew))} ${
    skew > 0 ? "ahead of" : "behind"
  } the broker's`;
  const action = "synchronize both by NTP: schedules, ages and the keys of once() go by the clock";
  return { level: "warning", check, text, action };
}

interface Node {
  name: string;
  running?: boolean;
  mem_alarm?: boolean;
  disk_free_alarm?: boolean;
  fd_used?: number;
  fd_total?: number;
  partitions?: unknown[];
}

async function checkNodes(api: Api): Promise<Finding[]> {
  const { body } = await api.get("/nodes");
  const nodes = body as Node[];
  const findings = nodes.flatMap((node): Finding[] => {
    const check = `node ${node.name}`;
    const { fd_used: used = 0, fd_total: total = Infinity } = node;
    return [
      ...(node.running === false
        ? [{ level: "error", check, text: "it is down", action: "start it: queues on it alone have no one" } as const]
        : []),
      ...(node.mem_alarm ? [alarm(check, "memory", "empty queues, or raise vm_memory_high_watermark")] : []),
      ...(node.disk_free_alarm ? [alarm(check, "disk space", "free disk space, or lower disk_free_limit")] : []),
      ...(node.partitions && node.partitions.length > 0
        ? [
          { level: "error", check, text: "the cluster is partitioned", action: "see rabbitmq.com/partitions" } as const,
        ]
        : []),
      ...(used > total * MANY
        ? [
          {
            level: "warning",
            check,
            text: `${used} of ${total} files are open`,
            action: "raise the limit of open files of the broker",
          } as const,
        ]
        : []),
    ];
  });
  if (findings.length > 0) return findings;
  return [{ level: "ok", check: "nodes", text: `${nodes.length} without an alarm` }];
}

function alarm(check: string, what: string, action: string): Finding {
  return { level: "error", check, text: `it is short of ${what} and takes no messages`, action };
}

async function checkPolicies(api: Api, definitions: readonly FunctionDefinition[]): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const definition of definitions) {
    const dead = deadLetterQueue(definition.queue.name);
    for (const name of [...workQueues(definition), dead]) {
      const queue = await api.queue(name);
      const policy = queue?.effective_policy_definition ?? {};
      for (const [key, does] of Object.entries(LOSES)) {
        if (!(key in policy)) continue;
        findings.push({
          level: name === dead ? "error" : "warning",
          check: `queue ${name}`,
          text: `a policy ${does} (${key}: ${policy[key]})`,
          action: `leave this queue out of the policy: rabbitmqctl list_policies -p ${api.vhost}`,
        });
      }
      const timeout = Number(policy["consumer-timeout"] ?? Infinity);
      if (timeout < LONGEST_DELIVERY) {
        findings.push({
          level: "warning",
          check: `queue ${name}`,
          text: `consumer-timeout is ${formatDuration(timeout)}: what a handler has longer is delivered again`,
          action: "raise it to 30 minutes, or keep the timeout of the function below it",
        });
      }
    }
  }
  return findings.length > 0 ? findings : [{ level: "ok", check: "policies", text: "none of them deletes messages" }];
}

interface Permission {
  vhost: string;
  configure: string;
  write: string;
  read: string;
}

/** Each right is a pattern that has to match the name. */
async function checkRights(api: Api, definitions: readonly FunctionDefinition[]): Promise<Finding[]> {
  const { name } = (await api.get("/whoami")).body as { name: string };
  const { body } = await api.get(`/users/${encodeURIComponent(name)}/permissions`);
  const permission = (body as Permission[]).find(({ vhost }) => vhost === api.vhost);
  const findings = definitions.flatMap((definition) => {
    const lacks = missingRights(definition, permission);
    const text = `user ${name} lacks rights: ${lacks.join("; ")}`;
    const action = `grant them: rabbitmqctl set_permissions -p ${api.vhost} ${name} CONFIGURE WRITE READ`;
    return lacks.length === 0 ? [] : [{ level: "error", check: `function ${definition.name}`, text, action } as const];
  });
  return findings.length > 0 ? findings : [{ level: "ok", check: "rights", text: `user ${name} has all of them` }];
}

/** As in `write pay, pay.dead`. */
export function missingRights(
  definition: FunctionDefinition,
  permission: Pick<Permission, "configure" | "write" | "read"> | undefined,
): string[] {
  const rights = rightsOf(definition);
  return (["configure", "write", "read"] as const).flatMap((right) => {
    const lacking = rights[right].filter((name) => !matches(permission?.[right] ?? "", name));
    return lacking.length === 0 ? [] : [`${right} ${lacking.join(", ")}`];
  });
}

/** An empty pattern allows nothing. One that JavaScript cannot read is taken to allow everything. */
function matches(pattern: string, name: string): boolean {
  if (pattern === "") return false;
  try {
    return new RegExp(pattern).test(name);
  } catch {
    return true;
  }
}
