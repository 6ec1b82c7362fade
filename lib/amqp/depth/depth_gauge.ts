import type { Depth } from "../../invocation/insight/depth.ts";
import { deadLetterQueue, type FunctionDefinition } from "../../invocation/definition/definition.ts";
import { rungsOf } from "../../invocation/retry_policy.ts";
import type { Client } from "../client/client.ts";
import { membersQueue, partitionQueue, RETRY_PREFIX, retryQueue } from "../message/names.ts";
import type { ManagedQueue, ManagementApi } from "./management_api.ts";
import { oldestAge } from "./oldest.ts";
import { countQueues, type QueueAnswer } from "./queue_counts.ts";

/** What is known of a function beside what the broker tells. */
export interface Watched {
  readonly definition: Pick<FunctionDefinition, "name" | "queue" | "retry" | "order">;
  /** Its messages that runners have, of all runners that can be asked. Undefined where nobody is asked. */
  readonly running: number | undefined;
  /** Messages that runners put into retry queues and that are not back yet, by their delay in milliseconds. */
  readonly heldBack: ReadonlyMap<number, number>;
  /** When the newest message that was received was published. Milliseconds since 1970. */
  readonly newest: number | undefined;
}

export interface GaugeOptions {
  /** RabbitMQ's or LavinMQ's, if its URL is given. */
  management?: Pick<ManagementApi, "queues">;
  /** Is called where the management API gives nothing. */
  onManagementError?: (error: unknown) => void;
  /** Milliseconds since 1970. @default Date.now */
  now?: () => number;
  /** Milliseconds for the answer about one queue. @default 3_000 */
  patience?: number;
}

/**
 * Milliseconds until a retry queue that was not there is asked for again. It is declared when a retry first needs it, and
 * brokers log each question about a queue that is not there.
 */
const ABSENT_RETRY_QUEUE = 5 * 60_000;
/** The same for every other queue: it is declared when its function starts. */
const ABSENT = 5_000;

/** Milliseconds until a management API that failed is asked again. */
const MANAGEMENT_PAUSE = 30_000;

/**
 * Measures where the messages of functions are. Passive declares tell what is ready, what is dead and who consumes. What
 * is with consumers, what waits for a retry and how old the oldest message is, only the runners know, or the management
 * API. Nothing is taken from a queue.
 */
export class DepthGauge {
  readonly #options: GaugeOptions;
  readonly #now: () => number;
  /** When each queue was last seen empty. */
  readonly #empty = new Map<string, number>();
  /** Queues that were not there, and when they are asked for again. */
  readonly #absent = new Map<string, number>();
  /** When the management API may be asked again. */
  #managementPause = 0;

  constructor(options: GaugeOptions = {}) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  /** @throws {WarrenError} `unavailable` if the connection is lost */
  async measure(client: Client, functions: readonly Watched[], signal?: AbortSignal): Promise<Depth[]> {
    const names = [...new Set(functions.flatMap((watched) => this.#asked(watched)))];
    const { patience } = this.#options;
    const [answers, managed] = await Promise.all([
      countQueues(client, names, { patience, signal }),
      this.#managed(functions, signal),
    ]);
    for (const [name, answer] of answers) {
      if (answer !== "missing") this.#absent.delete(name);
      else this.#absent.set(name, this.#now() + (name.startsWith(RETRY_PREFIX) ? ABSENT_RETRY_QUEUE : ABSENT));
    }
    // What was not asked for again is still not there.
    for (const name of this.#absent.keys()) if (!answers.has(name)) answers.set(name, "missing");
    return functions.map((watched) => this.#depth(watched, answers, managed));
  }

  #asked(watched: Watched): string[] {
    const { definition, heldBack } = watched;
    const isDue = (name: string) => this.#now() >= (this.#absent.get(name) ?? 0);
    const rungs = delaysOf(watched).filter((ms) => heldBack.has(ms) || isDue(retryQueue(ms))).map(retryQueue);
    const own = [...workQueues(definition), consumedQueue(definition), deadLetterQueue(definition.queue.name)];
    return [...own.filter(isDue), ...rungs];
  }

  /** Forgets what is known of the queues of functions that are not there any more. */
  keepOnly(queues: ReadonlySet<string>): void {
    for (const queue of this.#empty.keys()) if (!queues.has(queue)) this.#empty.delete(queue);
    for (const [name, until] of this.#absent) if (this.#now() >= until) this.#absent.delete(name);
  }

  #depth(
    watched: Watched,
    answers: ReadonlyMap<string, QueueAnswer>,
    managed: ReadonlyMap<string, ManagedQueue>,
  ): Depth {
    const { definition, running, heldBack, newest } = watched;
    const { name, queue, order } = definition;
    const at = this.#now();
    const work = workQueues(definition);
    const ready = sum(work.map((one) => readyIn(answers.get(one)) ?? managed.get(one)?.messages_ready));
    const unacknowledged = sum(work.map((one) => managed.get(one)?.messages_unacknowledged));
    const held = new Map(delaysOf(watched).map((ms) => [ms, readyIn(answers.get(retryQueue(ms)))]));
    if (ready === 0) this.#empty.set(queue.name, at);
    // The router of an ordered function leaves its queue empty: the order of arrival is within each partition alone.
    const seen = { newest: order ? undefined : newest, empty: this.#empty.get(queue.name) };
    return {
      function: name,
      queue: queue.name,
      ready,
      unacknowledged: unacknowledged ?? running,
      retrying: sum([...heldBack].map(([ms, count]) => Math.min(count, held.get(ms) ?? count))),
      retryingAtMost: sum([...held.values()]),
      dead: readyIn(answers.get(deadLetterQueue(queue.name))),
      oldest: ready === 0 ? 0 : ready === undefined ? undefined : headAge(work, managed, at) ?? oldestAge(seen, at),
      consumers: consumersOf(answers.get(consumedQueue(definition))) ??
        managed.get(consumedQueue(definition))?.consumers,
      at,
      source: unacknowledged === undefined ? "broker" : "management",
    };
  }

  async #managed(functions: readonly Watched[], signal?: AbortSignal): Promise<ReadonlyMap<string, ManagedQueue>> {
    const { management, onManagementError } = this.#options;
    if (!management || functions.length === 0 || this.#now() < this.#managementPause) return new Map();
    try {
      const names = functions.flatMap(({ definition }) => [...workQueues(definition), consumedQueue(definition)]);
      return await management.queues([...new Set(names)], signal);
    } catch (error) {
      this.#managementPause = this.#now() + MANAGEMENT_PAUSE;
      onManagementError?.(error);
      return new Map();
    }
  }
}

type Measured = Watched["definition"];

/** Its queue, and its partitions where it is ordered. */
export function workQueues({ queue, order }: Pick<FunctionDefinition, "queue" | "order">): string[] {
  const partitions = Array.from({ length: order?.partitions ?? 0 }, (_, at) => partitionQueue(queue.name, at));
  return [queue.name, ...partitions];
}

/** The delays of its policy, and those that were asked for. An ordered message waits where it is. */
function delaysOf({ definition: { retry, order }, heldBack }: Watched): number[] {
  return [...new Set([...(order ? [] : rungsOf(retry)), ...heldBack.keys()])];
}

/** The queue that each runner consumes: of an ordered function, one runner alone consumes the work queue. */
function consumedQueue({ queue, order }: Measured): string {
  return order ? membersQueue(queue.name) : queue.name;
}

/** A queue that is not there has no messages. */
function readyIn(answer: QueueAnswer | undefined): number | undefined {
  if (answer === "missing") return 0;
  return answer !== undefined && "ready" in answer ? answer.ready : undefined;
}

function consumersOf(answer: QueueAnswer | undefined): number | undefined {
  if (answer === "missing") return 0;
  return answer !== undefined && "consumers" in answer ? answer.consumers : undefined;
}

/** Undefined where one of them is not known. */
function sum(counts: readonly (number | undefined)[]): number | undefined {
  let total = 0;
  for (const count of counts) {
    if (count === undefined) return undefined;
    total += count;
  }
  return total;
}

function headAge(queues: readonly string[], managed: ReadonlyMap<string, ManagedQueue>, now: number) {
  const heads = queues.map((queue) => managed.get(queue)?.head_message_timestamp ?? undefined)
    .filter((head) => typeof head === "number");
  return heads.length === 0 ? undefined : Math.max(0, now - Math.min(...heads) * 1000);
}
