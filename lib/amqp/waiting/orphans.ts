import { formatDuration } from "../../base/time/duration.ts";
import type { FunctionDefinition } from "../../invocation/definition/definition.ts";
import { rungsOf } from "../../invocation/retry_policy.ts";
import type { Client } from "../client/client.ts";
import { countQueues, type QueueAnswer } from "../depth/queue_counts.ts";
import { ORPHANS, partitionQueue, RETRY_PREFIX, retryQueue } from "../message/names.ts";

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
 * from, and retry queues that no policy names. Only counts are asked for.
 *
 * @param delays milliseconds of the retry queues that are looked at
 */
export async function findOrphans(
  client: Client,
  functions: readonly Known[],
  delays: readonly number[],
  signal?: AbortSignal,
): Promise<Orphans[]> {
  const policies = new Set(functions.flatMap(({ retry, order }) => order ? [] : rungsOf(retry)));
  const unnamed = delays.filter((ms) => !policies.has(ms));
  const answers = await countQueues(client, [ORPHANS, ...unnamed.map(retryQueue)], { signal });
  return [
    ...of(ORPHANS, answers, RETURNED),
    ...await leftPartitions(client, functions, signal),
    ...unnamed.flatMap((ms) => of(retryQueue(ms), answers, heldBack(ms))),
  ];
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

/** Whether a queue's name is one of those that hold messages back, and for how many milliseconds. */
export function delayOf(queue: string): number | undefined {
  if (!queue.startsWith(RETRY_PREFIX)) return undefined;
  const ms = Number(queue.slice(RETRY_PREFIX.length));
  return Number.isSafeInteger(ms) && ms > 0 ? ms : undefined;
}

/** Partitions of functions that have no order any more. A runner still takes from those beyond a smaller number. */
async function leftPartitions(client: Client, functions: readonly Known[], signal?: AbortSignal): Promise<Orphans[]> {
  const found: Orphans[] = [];
  let asked = functions.filter(({ order }) => order === undefined);
  for (let at = 0; asked.length > 0; at++) {
    const answers = await countQueues(client, asked.map(({ queue }) => partitionQueue(queue.name, at)), { signal });
    found.push(...asked.flatMap(({ name, queue }) =>
      of(
        partitionQueue(queue.name, at),
        answers,
        `messages of "${name}" from when it had an order, which nothing takes. Give it its order back until this is ` +
          `empty, or delete them: deno task queue purge ${partitionQueue(queue.name, at)}`,
      )
    ));
    asked = asked.filter(({ queue }) => {
      const answer = answers.get(partitionQueue(queue.name, at));
      return answer !== undefined && answer !== "missing";
    });
  }
  return found;
}

function of(queue: string, answers: ReadonlyMap<string, QueueAnswer>, advice: string): Orphans[] {
  const answer = answers.get(queue);
  return answer !== undefined && typeof answer === "object" && "ready" in answer && answer.ready > 0
    ? [{ queue, messages: answer.ready, advice }]
    : [];
}
