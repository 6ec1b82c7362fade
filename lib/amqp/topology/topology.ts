import { deadLetterQueue, type FunctionDefinition, type Order } from "../../invocation/definition/definition.ts";
import { describeError, WarrenError } from "../../base/errors.ts";
import { rungsOf } from "../../invocation/retry_policy.ts";
import type { Logger } from "../../base/log.ts";
import type { QueueType } from "../../settings/queue_type.ts";
import { traitsOf } from "../client/broker_traits.ts";
import { type BrokerIdentity, brokerOf, type Client, replyCode } from "../client/client.ts";
import { Declaring } from "./declaring.ts";
import type { DeclaringConnection, Lent } from "./declaring_connection.ts";
import { LateAnswers } from "./late_answers.ts";
import {
  DISPATCH_EXCHANGE,
  membersQueue,
  ORPHANS,
  partitionQueue,
  PAUSED_EXCHANGE,
  pausedQueue,
  retryQueue,
  scheduleQueue,
} from "../message/names.ts";
import { ownShape, partitionShape, retryShape, workShape } from "./queue_shapes.ts";
import { Refusals } from "./refusals.ts";
import { rightsOf, rightsOfRung } from "./rights.ts";

export interface TopologyOptions {
  /** Type of functions' queues whose config names none. @default the broker decides */
  queueType?: QueueType;
  /** Where everything is declared. @default the connections that use it */
  connection?: Pick<DeclaringConnection, "lend" | "lendAlone">;
  /** Milliseconds for each answer of the broker. @default 30_000 */
  patience?: number;
  /** Milliseconds after which a missing answer is logged. @default 5_000 */
  late?: number;
  /** The traits of a connection's broker. @default from its product and version */
  identify?: (client: Client) => BrokerIdentity | undefined;
}

export interface DeclareOptions {
  /** Aborts when nobody waits for it any more. */
  signal?: AbortSignal;
  /** Called if the broker does not answer in time. */
  onLate?: (detail: string) => void;
}

/** The declarations on one channel. */
interface Session extends DeclareOptions {
  refusals: Refusals;
  /** Whether it uses a connection of its own, since the broker may end it. @default false */
  alone?: boolean;
}

/** What exists already on the broker of one connection. */
interface Known {
  readonly rungs: Map<number, Promise<void>>;
  /** Those that are declared by now. */
  readonly ready: Set<number>;
  dispatch?: Promise<Refusals>;
  orphans?: Promise<Refusals>;
}

/**
 * Declares what functions need. What exists with other arguments is used as it is, with a warning that says what differs;
 * what the user may not declare is used where it exists; nothing is ever deleted.
 *
 * A consumer needs its own queue alone, `declareQueue()`. All the rest, `declareRest()`, is asked for side by side, each
 * part on a channel of its own, so that one queue whose node is down holds back none of the others.
 */
export class Topology {
  readonly #log: Logger;
  readonly #options: TopologyOptions;
  readonly #late: LateAnswers;
  readonly #known = new WeakMap<Client, Known>();
  /** By queue name: whether retries find their way back. */
  readonly #waysBack = new Map<string, Promise<void>>();
  /** Queues whose way back is declared. */
  readonly #boundBack = new Set<string>();
  /** Queues that the broker refuses as transient. */
  readonly #onlyDurable = new Set<string>();
  /** Queues that exist with other arguments. */
  readonly #different = new Set<string>();
  /** Each difference is logged once, not at every reconnect. */
  readonly #told = new Set<string>();

  constructor(log: Logger, options: TopologyOptions = {}) {
    this.#log = log;
    this.#options = options;
    this.#late = new LateAnswers(log, options);
  }

  /** The questions that the broker has not answered in time. */
  get unanswered(): { what: string; detail: string }[] {
    return this.#late.all;
  }

  /** Declares the function's queue and everything around it. */
  async declare(client: Client, definition: FunctionDefinition, options: DeclareOptions = {}): Promise<void> {
    const refusals = new Refusals();
    await this.#declareQueue(client, definition, { ...options, refusals });
    await this.#declareRest(client, definition, { ...options, refusals });
    refusals.assertComplete(rightsOf(definition));
  }

  /** Declares only the function's queue. */
  async declareQueue(client: Client, definition: FunctionDefinition, options: DeclareOptions = {}): Promise<void> {
    const refusals = new Refusals();
    await this.#declareQueue(client, definition, { ...options, refusals });
    // All missing objects are reported at once.
    if (!refusals.complete) await this.#declareRest(client, definition, { ...options, refusals });
    refusals.assertComplete(rightsOf(definition));
  }

  /** Declares its dead letters, its bindings and the way back for its retries. */
  async declareRest(client: Client, definition: FunctionDefinition, options: DeclareOptions = {}): Promise<void> {
    const refusals = new Refusals();
    await this.#declareRest(client, definition, { ...options, refusals });
    refusals.assertComplete(rightsOf(definition));
  }

  /**
   * The partitions of an ordered function, and the queue by which its runners count each other. Gives how many
   * partitions there are: those of an earlier version, which had more, are there until somebody deletes them.
   */
  async declareOrder(
    client: Client,
    definition: FunctionDefinition & { readonly order: Order },
    options: DeclareOptions = {},
  ): Promise<number> {
    const { queue, order } = definition;
    const refusals = new Refusals();
    return await this.#session(client, { ...options, refusals }, async (declaring, traits) => {
      for (let at = 0; at < order.partitions; at++) {
        const name = partitionQueue(queue.name, at);
        await declaring.queue(partitionShape(definition, name, traits, this.#options.queueType));
      }
      // It stays even without consumers, since a user without the right to declare could not create it again.
      await this.#own(declaring, ownShape(membersQueue(queue.name), traits));
      refusals.assertComplete(rightsOf(definition));
      let count = order.partitions;
      while (await declaring.hasQueue(partitionQueue(queue.name, count))) count++;
      return count;
    });
  }

  /** Declares the queue with the token of a scheduled function. */
  async declareSchedule(client: Client, definition: FunctionDefinition, options: DeclareOptions = {}): Promise<void> {
    const refusals = new Refusals();
    await this.#session(client, { ...options, refusals }, async (declaring, traits) => {
      await this.#own(declaring, ownShape(scheduleQueue(definition.queue.name), traits, { single: true }));
    });
    refusals.assertComplete(rightsOf(definition));
  }

  /** What says that a queue is paused for all runners: a queue of Warren's own, and an exchange that goes with the last. */
  async declarePause(client: Client, queue: string, options: DeclareOptions = {}): Promise<void> {
    const name = pausedQueue(queue);
    const refusals = new Refusals();
    await this.#session(client, { ...options, refusals }, async (declaring, traits) => {
      await declaring.exchange(PAUSED_EXCHANGE, "direct", {}, { autoDelete: true });
      // One reader at a time, who gets one message: another one stays in the queue, and is counted.
      await this.#own(declaring, ownShape(name, traits, { single: true }));
      await declaring.bind(name, PAUSED_EXCHANGE, queue);
    });
    const names = [PAUSED_EXCHANGE, name];
    refusals.assertComplete({ configure: names, write: names, read: names });
  }

  /** Declares the queue that holds a retry for `ms` milliseconds, when it is first needed. */
  async declareRung(client: Client, ms: number): Promise<void> {
    const { rungs, ready } = this.#of(client);
    const declared = rungs.get(ms) ?? this.#declareRung(client, ms);
    rungs.set(ms, declared);
    declared.catch(() => rungs.delete(ms));
    await declared;
    ready.add(ms);
  }

  /** Whether a message can be held back for so many milliseconds and finds its way to that queue: nothing is to be declared. */
  holds(client: Client, queue: string, ms: number): boolean {
    return this.#boundBack.has(queue) && (ms === 0 || this.#of(client).ready.has(ms));
  }

  /** Resolves once delayed messages find their way to a function's queue. */
  async declareWayBack(client: Client, { queue: { name } }: Pick<FunctionDefinition, "queue">): Promise<void> {
    const known = this.#waysBack.get(name);
    if (known) return await known;
    const refusals = new Refusals();
    await this.#wayBack(client, name, { refusals });
  }

  /**
   * Lets a queue get messages that were held back for it.
   *
   * @throws {WarrenError} `unroutable` where there is no such queue
   */
  async bindToDispatch(client: Client, queue: string): Promise<void> {
    const refusals = new Refusals();
    refusals.add(await this.#dispatch(client, {}));
    await this.#session(client, { refusals }, async (declaring) => {
      try {
        await declaring.bind(queue, DISPATCH_EXCHANGE, queue);
      } catch (error) {
        if (replyCode(error) !== 404) throw error;
        throw new WarrenError("unroutable", `there is no queue "${queue}"`);
      }
    });
  }

  /** Forgets what was declared for retries, because it was deleted. */
  forgetRungs(client: Client): void {
    this.#known.delete(client);
  }

  async #declareQueue(client: Client, definition: FunctionDefinition, session: Session): Promise<void> {
    const { name, durable } = definition.queue;
    const alone = !durable && !this.#onlyDurable.has(name);
    const declare = (alone: boolean) =>
      this.#session(client, { ...session, alone }, async (declaring, traits) => {
        await declaring.queue(workShape(definition, traits, this.#options.queueType));
      });
    try {
      await declare(alone);
    } catch (error) {
      // The broker has ended that connection, and nothing else.
      if (!alone || !this.#options.connection || !this.#onlyDurable.has(name)) throw error;
      await declare(false);
    }
  }

  async #declareRest(client: Client, definition: FunctionDefinition, session: Session): Promise<void> {
    const { queue, bindings, order, retry } = definition;
    const parts = [
      this.#wayBack(client, queue.name, session),
      this.#session(client, session, async (declaring, traits) => {
        await this.#own(declaring, ownShape(deadLetterQueue(queue.name), traits));
      }),
      this.#bind(client, { queue, bindings }, session),
      this.#orphans(client, session).then((refusals) => session.refusals.add(refusals)),
    ];
    const results = await Promise.allSettled(parts);
    for (const result of results) if (result.status === "rejected") throw result.reason;
    // Such a user could not declare them later either, so what is missing is reported now.
    if (!session.refusals.any || order) return;
    await this.#session(client, session, async (declaring) => {
      for (const ms of rungsOf(retry)) await declareRung(declaring, ms);
    });
  }

  /** Declares where retries continue. No retry is taken before this exists. */
  #wayBack(client: Client, queue: string, session: Session): Promise<void> {
    const declared = (async () => {
      session.refusals.add(await this.#dispatch(client, session));
      await this.#session(client, session, (declaring) => declaring.bind(queue, DISPATCH_EXCHANGE, queue));
    })();
    this.#waysBack.set(queue, declared);
    this.#boundBack.delete(queue);
    declared.then(() => {
      if (this.#waysBack.get(queue) === declared) this.#boundBack.add(queue);
    }, () => {
      if (this.#waysBack.get(queue) === declared) this.#waysBack.delete(queue);
    });
    return declared;
  }

  async #bind(
    client: Client,
    { queue, bindings }: Pick<FunctionDefinition, "queue" | "bindings">,
    session: Session,
  ): Promise<void> {
    if (bindings.length === 0) return;
    await this.#session(client, session, async (declaring) => {
      for (const { exchange, type, routingKey, arguments: args } of bindings) {
        await declaring.exchange(exchange, type);
        await declaring.bind(queue.name, exchange, routingKey, { ...args });
      }
    });
  }

  /** Once per connection. The queue of orphans need not exist: it is referred to by name. */
  #dispatch(client: Client, { onLate }: DeclareOptions): Promise<Refusals> {
    const known = this.#of(client);
    return known.dispatch ??= this.#shared(client, onLate, () => delete known.dispatch, async (declaring) => {
      await declaring.exchange(DISPATCH_EXCHANGE, "direct", { "alternate-exchange": ORPHANS });
    });
  }

  /** Once per connection. */
  #orphans(client: Client, { onLate }: DeclareOptions): Promise<Refusals> {
    const known = this.#of(client);
    return known.orphans ??= this.#shared(client, onLate, () => delete known.orphans, async (declaring, traits) => {
      await declaring.exchange(ORPHANS, "fanout");
      await this.#own(declaring, ownShape(ORPHANS, traits));
      await declaring.bind(ORPHANS, ORPHANS, "");
    });
  }

  /** All functions wait for this, so the end of one of them does not end it. */
  async #shared(
    client: Client,
    onLate: DeclareOptions["onLate"],
    forget: () => void,
    declare: (declaring: Declaring, traits: ReturnType<typeof traitsOf>) => Promise<void>,
  ): Promise<Refusals> {
    const refusals = new Refusals();
    try {
      await this.#session(client, { refusals, onLate }, declare);
      return refusals;
    } catch (error) {
      forget();
      throw error;
    }
  }

  async #declareRung(client: Client, ms: number): Promise<void> {
    const refusals = new Refusals();
    refusals.add(await this.#dispatch(client, {}));
    await this.#session(client, { refusals }, (declaring) => declareRung(declaring, ms));
    refusals.assertComplete(rightsOfRung(ms));
  }

  /** Declares a queue of Warren's own. A classic one of an earlier version is used as it is. */
  async #own(declaring: Declaring, shape: ReturnType<typeof ownShape>): Promise<void> {
    const { name } = shape.queue;
    await declaring.queue(shape, (error) => {
      const text = describeError(error);
      if (!text.includes("'x-queue-type'")) {
        return this.#warn(`queue "${name}" exists with other arguments and is used as it is: ${text}`);
      }
      this.#log.debug(`queue "${name}" is no quorum queue, and is used as it is`);
      this.#warn(
        `queue "${name}", and maybe others of Warren's own, exist as classic queues, which one node of the broker has: ` +
          `they are used as they are. docs/brokers.md says how to replace them, which a cluster needs`,
        "classic",
      );
    });
  }

  async #session<T>(
    client: Client,
    { alone, ...session }: Session,
    work: (declaring: Declaring, traits: ReturnType<typeof traitsOf>) => Promise<T>,
  ): Promise<T> {
    const { connection, identify = brokerOf, patience } = this.#options;
    await using lent: Lent | undefined = await (alone ? connection?.lendAlone() : connection?.lend());
    const used = lent?.client ?? client;
    await using declaring = new Declaring(used, {
      warn: (message) => this.#warn(message),
      late: this.#late,
      onlyDurable: this.#onlyDurable,
      different: this.#different,
      patience,
      ...session,
    });
    return await work(declaring, traitsOf(identify(used)));
  }

  #of(client: Client): Known {
    let known = this.#known.get(client);
    if (!known) this.#known.set(client, known = { rungs: new Map(), ready: new Set() });
    return known;
  }

  #warn(message: string, key = message): void {
    if (this.#told.has(key)) return;
    this.#told.add(key);
    this.#log.warn(message);
  }
}

async function declareRung(declaring: Declaring, ms: number): Promise<void> {
  const name = retryQueue(ms);
  // Fanout keeps the routing key, which is the name of the queue that the message returns to.
  await declaring.exchange(name, "fanout");
  await declaring.queue(retryShape(name, ms));
  await declaring.bind(name, name, "");
}
