import { DepthGauge } from "../../amqp/depth/depth_gauge.ts";
import { ManagementApi } from "../../amqp/depth/management_api.ts";
import { countQueues, type QueueAnswer } from "../../amqp/depth/queue_counts.ts";
import { retryQueue } from "../../amqp/message/names.ts";
import { findOrphans, type Orphans } from "../../amqp/waiting/orphans.ts";
import { askForSideQueues, sideQueuesAmong } from "../../amqp/waiting/side_queues.ts";
import { describeError } from "../../base/errors.ts";
import { formatDuration } from "../../base/time/duration.ts";
import type { FunctionDefinition } from "../../invocation/definition/definition.ts";
import type { Depth } from "../../invocation/insight/depth.ts";
import { rungsOf } from "../../invocation/retry_policy.ts";
import { managementOptions } from "../../settings/config.ts";
import { type ActionContext, CONNECT_LIMIT } from "./queue_action.ts";

/** A retry queue with messages. */
interface RetryQueue {
  readonly queue: string;
  readonly messages: number;
  /** Functions whose policy has this delay: the messages are theirs, or delayed ones. */
  readonly sharedBy: readonly string[];
}

/** What is known of a function's messages without asking a runner. */
type Listed = Omit<Depth, "retrying">;

const UNKNOWN = "-";

/** Lists the queues of all functions, what waits for retries, and what waits for nobody. */
export async function listQueues(context: ActionContext): Promise<number> {
  const { connection, definitions, options, flags, print, printError, signal } = context;
  const client = await connection.opened(AbortSignal.timeout(CONNECT_LIMIT));
  const settings = managementOptions(options);
  const onManagementError = (error: unknown) => printError(describeError(error));
  const management = settings && new ManagementApi(settings);
  const gauge = new DepthGauge({ management, onManagementError });
  const watched = definitions.map((definition) => {
    return { definition, running: undefined, heldBack: new Map<number, number>(), newest: undefined };
  });
  const functions: Listed[] = (await gauge.measure(client, watched, signal)).map(({ retrying: _, ...depth }) => depth);
  const names = await management?.names(signal).catch(() => undefined);
  const side = names ? sideQueuesAmong(names, definitions) : await askForSideQueues(client, definitions, signal);
  const answers = await countQueues(client, side.delays.map(retryQueue), { signal });
  const retries = side.delays.flatMap((ms) => retryQueueOf(ms, answers.get(retryQueue(ms)), definitions));
  const orphans = await findOrphans(client, definitions, side, signal);
  if (flags.has("json")) print(JSON.stringify({ functions, retryQueues: retries, orphans }, undefined, 2));
  else print([...functionLines(functions), ...retryLines(retries), ...orphanLines(orphans)].join("\n"));
  return 0;
}

function retryQueueOf(
  ms: number,
  answer: QueueAnswer | undefined,
  definitions: readonly FunctionDefinition[],
): RetryQueue[] {
  const messages = typeof answer === "object" && "ready" in answer ? answer.ready : 0;
  const sharedBy = definitions.filter(({ retry, order }) => !order && rungsOf(retry).includes(ms));
  if (messages === 0 || sharedBy.length === 0) return [];
  return [{ queue: retryQueue(ms), messages, sharedBy: sharedBy.map(({ name }) => name) }];
}

function functionLines(functions: readonly Listed[]): string[] {
  if (functions.length === 0) return ["no functions"];
  const head = ["function", "queue", "ready", "in flight", "dead", "oldest", "consumers"];
  const rows = functions.map(({ function: name, queue, ready, unacknowledged, dead, oldest, consumers }) => [
    name,
    queue,
    count(ready),
    count(unacknowledged),
    count(dead),
    oldest === undefined || ready === 0 ? UNKNOWN : formatDuration(Math.round(oldest / 1000) * 1000),
    count(consumers),
  ]);
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column].length)));
  return [head, ...rows].map((row) =>
    row.map((cell, column) => column < 2 ? cell.padEnd(widths[column]) : cell.padStart(widths[column])).join("  ")
  );
}

function retryLines(retries: readonly RetryQueue[]): string[] {
  if (retries.length === 0) return [];
  return [
    "",
    "waiting for a retry",
    ...retries.map(({ queue, messages, sharedBy }) => {
      return `  ${queue}: ${messages}, of ${sharedBy.join(", ")}, or delayed`;
    }),
  ];
}

function orphanLines(orphans: readonly Orphans[]): string[] {
  if (orphans.length === 0) return [];
  return [
    "",
    "belonging to no function here",
    ...orphans.map(({ queue, messages, advice }) => {
      return `  ${queue}: ${messages} ${advice}`;
    }),
  ];
}

function count(value: number | undefined): string {
  return value === undefined ? UNKNOWN : String(value);
}
