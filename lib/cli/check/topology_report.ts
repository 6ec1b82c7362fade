import type { Connection } from "../../amqp/client/connection.ts";
import { existingQueues } from "../../amqp/topology/existing_queues.ts";
import { brokerName, knownDifferences } from "../../amqp/client/known_brokers.ts";
import { membersQueue, ORPHANS, partitionQueue, retryQueue, scheduleQueue } from "../../amqp/message/names.ts";
import type { FunctionDefinition } from "../../invocation/definition/definition.ts";
import { allRungs, rungsOf } from "../../invocation/retry_policy.ts";

/** The broker, and its known differences. */
export interface FoundBroker {
  product: string;
  version: string;
  differences: { id: string; text: string }[];
}

/** The result of `check --topology`. */
export interface FoundTopology {
  broker: FoundBroker;
  queues: FoundQueue[];
}

/** One of Warren's own queues that exists on the broker. */
export interface FoundQueue {
  name: string;
  messages: number;
  /** The functions that need it. Empty if no function needs it any more. */
  neededBy: string[];
  /** What the queue is, and what happens to its messages. */
  text: string;
}

/** The text for a retry queue that no policy uses. Its messages return by themselves. */
const NO_POLICY = "no retry policy has this delay";

/**
 * Finds the queues that Warren has declared on the broker, and the functions that need them: retry queues, schedule
 * tokens, partitions. Changes nothing.
 *
 * @param delays delays of the retry queues to look for, in milliseconds
 */
export async function findTopology(
  connection: Connection,
  definitions: readonly FunctionDefinition[],
  delays: readonly number[] = allRungs(),
): Promise<FoundTopology> {
  const client = await connection.opened(AbortSignal.timeout(10_000));
  const exist = (asked: readonly Asked[]) => existingQueues(client, asked.map(({ name }) => name));
  const first = [...rungs(definitions, delays), ...schedules(definitions)];
  const last = [...members(definitions), orphans()];
  const found = await exist([...first, ...last]);
  const ordered = (await Promise.all(definitions.map((definition) => partitions(definition, exist)))).flat();
  for (const { name, messages } of ordered) found.set(name, messages);
  const queues = [...first, ...ordered, ...last]
    .filter(({ name }) => found.has(name))
    .map((queue) => ({ ...queue, messages: found.get(queue.name)! }))
    .filter(({ name, messages }) => name !== ORPHANS || messages > 0);
  return { broker: describedBroker(connection), queues };
}

function describedBroker(connection: Connection): FoundBroker {
  const { product, version } = connection.state.broker ?? { product: "unknown broker", version: "" };
  const differences = knownDifferences({ product, version }).map(({ id, text }) => ({ id, text }));
  return { product, version, differences };
}

/** As text: the broker with its differences, then the queues. */
export function describeTopology({ broker, queues }: FoundTopology): string {
  const width = Math.max(0, ...queues.map(({ name }) => name.length));
  const lines = queues.map(({ name, messages, neededBy, text }) => {
    const need = neededBy.length > 0 ? `${text} of ${neededBy.join(", ")}` : `not needed: ${text}`;
    return `  ${name.padEnd(width)} ${String(messages).padStart(8)} waiting  ${need}`;
  });
  const note = queues.some(({ text }) => text === NO_POLICY)
    ? ["  Messages in such a queue return by themselves; Retry({ delay }) and outputs with a delay may still use it."]
    : [];
  const differences = broker.differences.map(({ text }) => `  ${text}`);
  return [`broker: ${brokerName(broker)}`, ...differences, "on the broker", ...lines, ...note].join("\n");
}

type Asked = Omit<FoundQueue, "messages">;

function rungs(definitions: readonly FunctionDefinition[], delays: readonly number[]): Asked[] {
  const needed = definitions.map(({ name, retry, order }) => ({ name, delays: new Set(order ? [] : rungsOf(retry)) }));
  return delays.map((ms) => {
    const neededBy = needed.filter(({ delays }) => delays.has(ms)).map(({ name }) => name);
    return { name: retryQueue(ms), neededBy, text: neededBy.length > 0 ? "retries" : NO_POLICY };
  });
}

function schedules(definitions: readonly FunctionDefinition[]): Asked[] {
  return definitions.map(({ name, queue, schedule }) => ({
    name: scheduleQueue(queue.name),
    neededBy: schedule ? [name] : [],
    text: schedule
      ? "says when the schedule ran last"
      : `${name} has no schedule any more: with one again, it begins where this says`,
  }));
}

/**
 * The partitions of its order, and those behind them until one does not exist. Each is reported with its message count.
 */
async function partitions(
  definition: FunctionDefinition,
  exist: (asked: readonly Asked[]) => Promise<Map<string, number>>,
): Promise<FoundQueue[]> {
  const found: FoundQueue[] = [];
  const asked = Array.from({ length: definition.order?.partitions ?? 0 }, (_, at) => partition(definition, at));
  for (let next = asked.length;; next++) {
    asked.push(partition(definition, next));
    const there = await exist(asked);
    found.push(
      ...asked.flatMap((queue) => there.has(queue.name) ? { ...queue, messages: there.get(queue.name)! } : []),
    );
    if (!there.has(asked.at(-1)!.name)) return found;
    asked.length = 0;
  }
}

function partition({ name, queue, order }: FunctionDefinition, at: number): Asked {
  const needed = order !== undefined && at < order.partitions;
  return {
    name: partitionQueue(queue.name, at),
    neededBy: needed ? [name] : [],
    text: needed
      ? "a partition"
      : order
      ? `${name} has ${order.partitions} partitions: what is in others is still handled`
      : `${name} has no order any more: nothing takes what is in its partitions; give it its order back until they ` +
        "are empty",
  };
}

function members(definitions: readonly FunctionDefinition[]): Asked[] {
  return definitions.map(({ name, queue, order }) => ({
    name: membersQueue(queue.name),
    neededBy: order ? [name] : [],
    text: order ? "counts the runners" : `${name} has no order any more: it never has a message, and can be deleted`,
  }));
}

function orphans(): Asked {
  const text = "retries and delayed messages whose queue was gone when they came back: their routing key is its name";
  return { name: ORPHANS, neededBy: [], text };
}
