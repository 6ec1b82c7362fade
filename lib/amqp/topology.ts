import {
  deadLetterQueue,
  type FunctionDefinition,
  type Order,
  type QueueDefinition,
} from "../invocation/definition.ts";
import { WarrenError } from "../errors.ts";
import { rungsOf } from "../invocation/retry_policy.ts";
import type { Logger } from "../log.ts";
import { type Client, replyCode } from "./client.ts";
import { Declaring } from "./declaring.ts";
import { DISPATCH_EXCHANGE, membersQueue, ORPHANS, partitionQueue, retryQueue } from "./names.ts";
import { rightsOf, rightsOfRung } from "./rights.ts";

export interface TopologyOptions {
  /** Milliseconds for each answer of the broker. @default 30_000 */
  patience?: number;
}

/**
 * Declares what functions need. What exists with other arguments is used as it is, with a warning that says what differs;
 * what the user may not declare is used where it exists; nothing is ever deleted.
 */
export class Topology {
  readonly #log: Logger;
  readonly #options: TopologyOptions;
  /** Rungs that are there, for each connection. */
  readonly #rungs = new WeakMap<Client, Map<number, Promise<void>>>();
  /** Queues that the broker refuses to have as not durable. */
  readonly #onlyDurable = new Set<string>();
  /** Each difference is told once, not at every reconnect. */
  readonly #told = new Set<string>();

  constructor(log: Logger, options: TopologyOptions = {}) {
    this.#log = log;
    this.#options = options;
  }

  /** The function's queue, its dead letters, its bindings and the way back of its retries. */
  async declare(client: Client, definition: FunctionDefinition): Promise<void> {
    const { queue, bindings, order, retry } = definition;
    await using declaring = this.#declaring(client);
    await declareDispatch(declaring);
    await declaring.queue(plain(deadLetterQueue(queue.name)));
    await declaring.queue(queue);
    await declaring.bind(queue.name, DISPATCH_EXCHANGE, queue.name);
    for (const { exchange, type, routingKey, arguments: args } of bindings) {
      await declaring.exchange(exchange, type);
      await declaring.bind(queue.name, exchange, routingKey, { ...args });
    }
    // Such a user cannot declare them either when they are first needed: what is missing is said now.
    if (declaring.restricted && !order) { for (const ms of rungsOf(retry)) await declareRung(declaring, ms); }
    declaring.assertComplete(rightsOf(definition));
  }

  /**
   * The partitions of an ordered function, and the queue by which its runners count each other. Gives how many
   * partitions there are: those of an earlier version, which had more, are there until somebody deletes them.
   */
  async declareOrder(
    client: Client,
    definition: FunctionDefinition & { readonly order: Order },
  ): Promise<number> {
    const { queue, order } = definition;
    await using declaring = this.#declaring(client);
    const { "x-queue-type": type } = queue.arguments;
    const args: QueueDefinition["arguments"] = type === undefined ? {} : { "x-queue-type": type };
    const shape = { ...queue, autoDelete: false, arguments: args };
    for (let at = 0; at < order.partitions; at++) {
      await declaring.queue({ ...shape, name: partitionQueue(queue.name, at) });
    }
    // It stays without consumers: who may not declare it could not have it again.
    await declaring.queue(plain(membersQueue(queue.name)));
    declaring.assertComplete(rightsOf(definition));
    let count = order.partitions;
    while (await declaring.hasQueue(partitionQueue(queue.name, count))) count++;
    return count;
  }

  /** The queue that holds a retry back for `ms` milliseconds; declared when it is first needed. */
  async declareRung(client: Client, ms: number): Promise<void> {
    const rungs = this.#rungs.get(client) ?? new Map<number, Promise<void>>();
    this.#rungs.set(client, rungs);
    const declared = rungs.get(ms) ?? this.#declareRung(client, ms);
    rungs.set(ms, declared);
    declared.catch(() => rungs.delete(ms));
    await declared;
  }

  /**
   * Lets a queue get messages that were held back for it.
   *
   * @throws {WarrenError} `unroutable` where there is no such queue
   */
  async bindToDispatch(client: Client, queue: string): Promise<void> {
    await using declaring = this.#declaring(client);
    await declareDispatch(declaring);
    try {
      await declaring.bind(queue, DISPATCH_EXCHANGE, queue);
    } catch (error) {
      if (replyCode(error) !== 404) throw error;
      throw new WarrenError("unroutable", `there is no queue "${queue}"`);
    }
  }

  /** Forgets which rungs are there: one was deleted. */
  forgetRungs(client: Client): void {
    this.#rungs.delete(client);
  }

  async #declareRung(client: Client, ms: number): Promise<void> {
    await using declaring = this.#declaring(client);
    await declareDispatch(declaring);
    await declareRung(declaring, ms);
    declaring.assertComplete(rightsOfRung(ms));
  }

  #declaring(client: Client): Declaring {
    const warn = (message: string) => {
      if (this.#told.has(message)) return;
      this.#told.add(message);
      this.#log.warn(message);
    };
    return new Declaring(client, { warn, onlyDurable: this.#onlyDurable, ...this.#options });
  }
}

/** A queue of Warren's own. */
function plain(name: string): QueueDefinition {
  return { name, durable: true, autoDelete: false, arguments: {} };
}

async function declareDispatch(declaring: Declaring): Promise<void> {
  await declaring.exchange(ORPHANS, "fanout");
  await declaring.queue(plain(ORPHANS));
  await declaring.bind(ORPHANS, ORPHANS, "");
  await declaring.exchange(DISPATCH_EXCHANGE, "direct", { "alternate-exchange": ORPHANS });
}

async function declareRung(declaring: Declaring, ms: number): Promise<void> {
  const name = retryQueue(ms);
  // Fanout keeps the routing key, the name of the queue that the message comes back to.
  await declaring.exchange(name, "fanout");
  const back = { "x-message-ttl": ms, "x-dead-letter-exchange": DISPATCH_EXCHANGE };
  // A quorum queue moves an expired message with a confirm; a classic one could lose it in a crash of the broker.
  const safely = {
    ...back,
    "x-queue-type": "quorum",
    "x-dead-letter-strategy": "at-least-once",
    "x-overflow": "reject-publish",
  };
  await declaring.queue({ ...plain(name), arguments: safely }, back);
  await declaring.bind(name, name, "");
}
