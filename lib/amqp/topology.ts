import type { AMQPChannel } from "@cloudamqp/amqp-client";
import {
  deadLetterQueue,
  type FunctionDefinition,
  type Order,
  type QueueDefinition,
} from "../invocation/definition.ts";
import { describeError, WarrenError } from "../errors.ts";
import type { Logger } from "../log.ts";
import { type Client, replyCode } from "./client.ts";
import { DISPATCH_EXCHANGE, membersQueue, ORPHANS, partitionQueue, retryQueue } from "./names.ts";

/** Exists already, with other arguments. */
const PRECONDITION_FAILED = 406;
/** How a broker refuses a kind of queue that it does not have any more. */
const REFUSED_KIND = [540, 541];

/**
 * Declares what functions need. What exists with other arguments is used as it
 * is, with a warning that says what differs; nothing is ever deleted.
 */
export class Topology {
  readonly #log: Logger;
  /** Rungs that are there, for each connection. */
  readonly #rungs = new WeakMap<Client, Map<number, Promise<void>>>();
  /** Queues that the broker refuses to have as not durable. */
  readonly #onlyDurable = new Set<string>();
  /** Each difference is told once, not at every reconnect. */
  readonly #told = new Set<string>();

  constructor(log: Logger) {
    this.#log = log;
  }

  /** The function's queue, its dead letters, its bindings and the way back of its retries. */
  async declare(client: Client, definition: FunctionDefinition): Promise<void> {
    const { queue, bindings } = definition;
    await using steps = new Steps(client);
    await this.#declareDispatch(steps);
    await this.#declareQueue(steps, {
      name: deadLetterQueue(queue.name),
      durable: true,
      autoDelete: false,
      arguments: {},
    });
    await this.#declareQueue(steps, queue);
    await steps.run((channel) => channel.queueBind(queue.name, DISPATCH_EXCHANGE, queue.name));
    for (const { exchange, type, routingKey, arguments: args } of bindings) {
      await this.#declareExchange(steps, exchange, type, {});
      await steps.run((channel) => channel.queueBind(queue.name, exchange, routingKey, { ...args }));
    }
  }

  /**
   * The partitions of an ordered function, and the queue by which its runners count each other. Gives how many
   * partitions there are: those of an earlier version, which had more, are there until somebody deletes them.
   */
  async declareOrder(
    client: Client,
    { queue, order }: FunctionDefinition & { readonly order: Order },
  ): Promise<number> {
    await using steps = new Steps(client);
    const { "x-queue-type": type } = queue.arguments;
    const args: QueueDefinition["arguments"] = type === undefined ? {} : { "x-queue-type": type };
    const shape = { ...queue, autoDelete: false, arguments: args };
    for (let at = 0; at < order.partitions; at++) {
      await this.#declareQueue(steps, { ...shape, name: partitionQueue(queue.name, at) });
    }
    const members = { name: membersQueue(queue.name), durable: true, autoDelete: true, arguments: {} };
    await this.#declareQueue(steps, members);
    for (let count = order.partitions;; count++) {
      try {
        await steps.run((channel) => channel.queueDeclare(partitionQueue(queue.name, count), { passive: true }));
      } catch (error) {
        if (replyCode(error) === 404) return count;
        throw error;
      }
    }
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
    await using steps = new Steps(client);
    await this.#declareDispatch(steps);
    try {
      await steps.run((channel) => channel.queueBind(queue, DISPATCH_EXCHANGE, queue));
    } catch (error) {
      if (replyCode(error) !== 404) throw error;
      throw new WarrenError("unroutable", `no queue takes messages for queue "${queue}": there is none`);
    }
  }

  /** Forgets which rungs are there: one was deleted. */
  forgetRungs(client: Client): void {
    this.#rungs.delete(client);
  }

  async #declareRung(client: Client, ms: number): Promise<void> {
    const name = retryQueue(ms);
    await using steps = new Steps(client);
    await this.#declareDispatch(steps);
    // Fanout keeps the routing key, the name of the queue that the message comes back to.
    await this.#declareExchange(steps, name, "fanout", {});
    const back = { "x-message-ttl": ms, "x-dead-letter-exchange": DISPATCH_EXCHANGE };
    // A quorum queue moves an expired message with a confirm; a classic one could lose it in a crash of the broker.
    const safely = {
      ...back,
      "x-queue-type": "quorum",
      "x-dead-letter-strategy": "at-least-once",
      "x-overflow": "reject-publish",
    };
    try {
      await steps.run((channel) => channel.queueDeclare(name, { durable: true }, safely));
    } catch (error) {
      this.#log.debug(`using a classic queue for ${name}: ${describeError(error)}`);
      await this.#declareQueue(steps, { name, durable: true, autoDelete: false, arguments: back });
    }
    await steps.run((channel) => channel.queueBind(name, name, ""));
  }

  async #declareDispatch(steps: Steps): Promise<void> {
    await this.#declareExchange(steps, ORPHANS, "fanout", {});
    await this.#declareQueue(steps, { name: ORPHANS, durable: true, autoDelete: false, arguments: {} });
    await steps.run((channel) => channel.queueBind(ORPHANS, ORPHANS, ""));
    await this.#declareExchange(steps, DISPATCH_EXCHANGE, "direct", { "alternate-exchange": ORPHANS });
  }

  async #declareQueue(steps: Steps, queue: QueueDefinition): Promise<void> {
    const { name, autoDelete } = queue;
    const durable = queue.durable || this.#onlyDurable.has(name);
    try {
      await steps.run((channel) =>
        channel.queueDeclare(name, { durable, autoDelete, exclusive: false }, { ...queue.arguments })
      );
    } catch (error) {
      if (!durable && REFUSED_KIND.includes(replyCode(error) ?? 0)) {
        this.#onlyDurable.add(name);
        this.#warn(`the broker refuses queues that are not durable, so "${name}" is declared durable`, error);
        throw error; // such a refusal ends the connection; the next one declares it durable
      }
      if (replyCode(error) !== PRECONDITION_FAILED) throw declareError("queue", name, error);
      this.#warn(`queue "${name}" exists with other arguments and is used as it is`, error);
      await steps.run((channel) => channel.queueDeclare(name, { passive: true }));
    }
  }

  async #declareExchange(steps: Steps, name: string, type: string, args: Record<string, string>): Promise<void> {
    // The broker's own exchanges are there, and may not be declared.
    const passive = name.startsWith("amq.") || name === "";
    if (name === "") return;
    try {
      await steps.run((channel) => channel.exchangeDeclare(name, type, { passive, durable: true }, args));
    } catch (error) {
      if (replyCode(error) !== PRECONDITION_FAILED) throw declareError("exchange", name, error);
      this.#warn(`exchange "${name}" exists with other arguments and is used as it is`, error);
      await steps.run((channel) => channel.exchangeDeclare(name, type, { passive: true }));
    }
  }

  #warn(message: string, error: unknown): void {
    const line = `${message}: ${describeError(error)}`;
    if (this.#told.has(line)) return;
    this.#told.add(line);
    this.#log.warn(line);
  }
}

function declareError(kind: string, name: string, error: unknown): WarrenError {
  if (error instanceof WarrenError) return error;
  const code = replyCode(error);
  const mend = code === 403 ? "; give the user the permission to configure it, or declare it beforehand" : "";
  return new WarrenError(
    code ? "refused" : "unavailable",
    `cannot declare ${kind} "${name}": ${describeError(error)}${mend}`,
  );
}

/** Declarations one after the other on a channel of their own: a refused one closes it, and the next opens another. */
class Steps implements AsyncDisposable {
  readonly #client: Client;
  #channel: AMQPChannel | undefined;

  constructor(client: Client) {
    this.#client = client;
  }

  async run(step: (channel: AMQPChannel) => Promise<unknown>): Promise<void> {
    if (!this.#channel || this.#channel.closed) {
      this.#channel = await this.#client.channel();
      this.#channel.onerror = () => {};
    }
    await step(this.#channel);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#channel && !this.#channel.closed && !this.#client.closed) await this.#channel.close().catch(() => {});
  }
}
