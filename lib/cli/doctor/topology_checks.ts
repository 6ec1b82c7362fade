import { DepthGauge } from "../../amqp/depth/depth_gauge.ts";
import { countQueues } from "../../amqp/depth/queue_counts.ts";
import type { Client } from "../../amqp/client/client.ts";
import { RETRY_PREFIX } from "../../amqp/message/names.ts";
import { findOrphans } from "../../amqp/waiting/orphans.ts";
import { askForSideQueues } from "../../amqp/waiting/side_queues.ts";
import { describeError } from "../../base/errors.ts";
import type { FunctionDefinition } from "../../invocation/definition/definition.ts";
import type { Depth } from "../../invocation/insight/depth.ts";
import type { LoadedFunction } from "../../loader/loader.ts";
import type { Finding } from "./finding.ts";

/** What is wrong with the files. */
export function checkFunctions(functions: readonly LoadedFunction[]): Finding[] {
  const broken = functions.flatMap((loaded): Finding[] =>
    "error" in loaded
      ? [{
        level: "error",
        check: `function ${loaded.name}`,
        text: loaded.error,
        action: "correct the file; deno task check shows what Warren reads in it",
      }]
      : []
  );
  const fine = functions.length - broken.length;
  const text = `${fine} of ${functions.length} can be bound`;
  return [...broken, { level: functions.length === 0 ? "warning" : "ok", check: "functions", text }];
}

/** Whether the queues of the functions are there and consumed, and what lies in them that somebody should look at. */
export async function checkTopology(client: Client, definitions: readonly FunctionDefinition[]): Promise<Finding[]> {
  try {
    const watched = definitions.filter(({ enabled }) => enabled).map((definition) => {
      return { definition, running: undefined, heldBack: new Map<number, number>(), newest: undefined };
    });
    const depths = await new DepthGauge().measure(client, watched);
    const answers = await countQueues(client, depths.map(({ queue }) => queue));
    const found = depths.flatMap((depth) => checkQueue(depth, answers.get(depth.queue) === "missing"));
    const fine: Finding[] = found.length === 0 && depths.length > 0
      ? [{ level: "ok", check: "queues", text: "every function's queue is there and consumed" }]
      : [];
    return [...found, ...fine, ...await checkOrphans(client, definitions)];
  } catch (error) {
    return [{ level: "error", check: "queues", text: describeError(error), action: "see what is said of the broker" }];
  }
}

function checkQueue({ function: name, queue, ready, dead, consumers }: Depth, missing: boolean): Finding[] {
  const check = `function ${name}`;
  if (missing) {
    const text = `queue "${queue}" is not there: no runner has served the function on this broker yet`;
    return [{ level: "warning", check, text, action: "start a runner: deno task start" }];
  }
  const findings: Finding[] = [];
  if (ready === undefined) {
    const text = `the broker does not tell of queue "${queue}": the node that has it may be down`;
    findings.push({ level: "error", check, text, action: "look at the broker's nodes: rabbitmqctl cluster_status" });
  }
  if (consumers === 0) {
    const text = `nobody consumes queue "${queue}", where ${ready ?? "an unknown number of"} messages wait`;
    const action = "start a runner (deno task start), or resume the function (deno task resume)";
    findings.push({ level: "warning", check, text, action });
  }
  if (dead !== undefined && dead > 0) {
    const text = `${dead} dead letters`;
    const action = `look at them: deno task dead list ${queue}; then redrive or purge them`;
    findings.push({ level: "warning", check, text, action });
  }
  return findings;
}

async function checkOrphans(client: Client, definitions: readonly FunctionDefinition[]): Promise<Finding[]> {
  const orphans = await findOrphans(client, definitions, await askForSideQueues(client, definitions));
  return orphans.map(({ queue, messages, advice }): Finding => {
    const level = queue.startsWith(RETRY_PREFIX) ? "info" : "warning";
    return { level, check: `queue ${queue}`, text: `${messages} messages`, action: advice };
  });
}
