import { formatDuration } from "../../base/time/duration.ts";
import { deadLetterQueue, type FunctionDefinition } from "../../invocation/definition/definition.ts";
import { rungsOf } from "../../invocation/retry_policy.ts";
import type { Client } from "../client/client.ts";
import { countQueues } from "../depth/queue_counts.ts";
import { ORPHANS, retryQueue } from "../message/names.ts";
import type { SideQueues } from "./side_queues.ts";

/** A queue of Warren's with messages that no function which is known here takes. */
export interface Orphans {
  readonly queue: string;
  readonly messages: number;
  /** What they are, and what to do about them. */
  readonly advice: string;
}

type Known = Pick<FunctionDefinition, "name" | "queue" | "retry" | "order">;

/**
 * Which queues with messages belong to no function: returned retries whose queue is gone, partitions that nobody takes
 * from, retry queues that no policy names, and dead letters of queues that no function has. Only counts are asked for.
 */
export async function findOrphans(
  client: Client,
  functions: readonly Known[],
  { delays, partitions, dead }: SideQueues,
  signal?: AbortSignal,
): Promise<Orphans[]> {
  const policies = new Set(functions.flatMap(({ retry, order }) => order ? [] : rungsOf(retry)));
  const queues = new Set(functions.map(({ queue }) => queue.name));
  const advice = new Map<string, string>([
    [ORPHANS, RETURNED],
    ...partitions.map((name): [string, string] => [name, leftPartition(name)]),
    ...dead.filter((queue) => !queues.has(queue)).map((queue): [string, string] => {
      return [deadLetterQueue(queue), leftDeadLetters(queue)];
    }),
    ...delays.filter((ms) => !policies.has(ms)).map((ms): [string, string] => [retryQueue(ms), heldBack(ms)]),
  ]);
  const answers = await countQueues(client, advice.keys(), { signal });
  return [...advice].flatMap(([queue, advice]) => {
    const answer = answers.get(queue);
    const messages = typeof answer === "object" && "ready" in answer ? answer.ready : 0;
    return messages > 0 ? [{ queue, messages, advice }] : [];
  });
}

const RETURNED =
  "retries and delayed messages whose queue was gone when they came back; their routing key is its name. Start the " +
  "function again so that its queue is there, and put them back: deno task queue return; or delete them: " +
  `deno task queue purge ${ORPHANS}`;

/** What waits in a retry queue that no policy names. */
function heldBack(ms: number): string {
  return `messages that come back by themselves within ${
    formatDuration(ms)
  }: outputs with a delay, Retry({ delay }), or ` +
    "functions of other runners. Nothing has to be done; deno task cancel ID takes one out";
}

function leftPartition(name: string): string {
  return "messages of a function from when it had an order, which nothing takes. Give it its order back until this is " +
    `empty, or delete them: deno task queue purge ${name}`;
}

function leftDeadLetters(queue: string): string {
  return `dead letters of queue "${queue}", which no function of this runner has. Look at them: deno task dead list ` +
    `${queue}; then redrive or purge them`;
}
