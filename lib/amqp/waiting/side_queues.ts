import { deadLetterQueue, type FunctionDefinition } from "../../invocation/definition/definition.ts";
import { allRungs } from "../../invocation/retry_policy.ts";
import type { Client } from "../client/client.ts";
import { countQueues } from "../depth/queue_counts.ts";
import { partitionQueue, RETRY_PREFIX, retryQueue } from "../message/names.ts";

/** Queues of Warren's that are on the broker beside those of the functions. */
export interface SideQueues {
  /** Delays that have a retry queue, in milliseconds. */
  readonly delays: readonly number[];
  /** Partitions of functions that have no order any more. */
  readonly partitions: readonly string[];
  /** Queues that have dead letters. Only the management API lists them. */
  readonly dead: readonly string[];
}

type Known = Pick<FunctionDefinition, "queue" | "order">;

/**
 * Finds them by the names that they can have. AMQP has no list of queues, and brokers log each question about a queue that
 * is not there, so do this rarely.
 */
export async function askForSideQueues(
  client: Client,
  functions: readonly Known[],
  signal?: AbortSignal,
): Promise<SideQueues> {
  const delays = allRungs();
  const answers = await countQueues(client, delays.map(retryQueue), { signal });
  return {
    delays: delays.filter((ms) => answers.get(retryQueue(ms)) !== "missing"),
    partitions: await askForPartitions(client, functions, signal),
    dead: [],
  };
}

/** Finds them among all the names of queues, as the management API gives them. */
export function sideQueuesAmong(names: readonly string[], functions: readonly Known[]): SideQueues {
  const unordered = functions.filter(({ order }) => order === undefined).map(({ queue }) => queue.name);
  const isPartition = (name: string) => /\.p\d+$/.test(name) && unordered.includes(name.replace(/\.p\d+$/, ""));
  const suffix = deadLetterQueue("");
  return {
    delays: names.map(delayOf).filter((ms) => ms !== undefined).sort((one, other) => one - other),
    partitions: names.filter(isPartition),
    dead: names.filter((name) => name.endsWith(suffix) && name !== suffix).map((name) => name.slice(0, -suffix.length)),
  };
}

/** For how many milliseconds a queue of that name holds messages back; undefined for every other queue. */
function delayOf(queue: string): number | undefined {
  if (!queue.startsWith(RETRY_PREFIX)) return undefined;
  const ms = Number(queue.slice(RETRY_PREFIX.length));
  return Number.isSafeInteger(ms) && ms > 0 ? ms : undefined;
}

/** Upwards from the first, until one is not there. */
async function askForPartitions(client: Client, functions: readonly Known[], signal?: AbortSignal): Promise<string[]> {
  const found: string[] = [];
  let queues = functions.filter(({ order }) => order === undefined).map(({ queue }) => queue.name);
  for (let at = 0; queues.length > 0; at++) {
    const answers = await countQueues(client, queues.map((queue) => partitionQueue(queue, at)), { signal });
    queues = queues.filter((queue) => {
      const answer = answers.get(partitionQueue(queue, at));
      return answer !== undefined && answer !== "missing";
    });
    found.push(...queues.map((queue) => partitionQueue(queue, at)));
  }
  return found;
}
