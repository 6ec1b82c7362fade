import { DeadLetters } from "../queue/dead_letters.ts";
import { DirectReplies } from "./direct_reply.ts";
import { type Binding, createBinding, Exchange, type ExchangeOptions } from "./exchange.ts";
import type { Destination } from "./matchers.ts";
import { PAGING, type Paging, type Window } from "../queue/lane.ts";
import { AmqpError } from "../protocol/amqp_error.ts";
import { Queue, type QueueSurroundings } from "../queue/queue.ts";
import { readQueueArguments } from "../queue/queue_arguments.ts";
import { type Directory, Router } from "./router.ts";
import type { StoredBinding } from "../store/definitions.ts";
import type { Store } from "../store/store.ts";

/** The predeclared exchanges and their types. */
const PREDECLARED: Record<string, string> = {
  "": "direct",
  "amq.direct": "direct",
  "amq.fanout": "fanout",
  "amq.topic": "topic",
  "amq.headers": "headers",
  "amq.match": "headers",
};

const EMPTY = new Uint8Array(0);

export interface NewQueue {
  name: string;
  durable: boolean;
  autoDelete: boolean;
  /** The only connection that may use it, if it is exclusive. */
  owner: unknown;
  argumentBytes: Uint8Array;
}

/** All exchanges, queues and bindings, and their copies on disk. The methods check permissions. */
export class VirtualHost implements Directory {
  readonly router = new Router(this);
  readonly replies = new DirectReplies();
  version = 0;
  readonly #store: Store;
  readonly #exchanges = new Map<string, Exchange>();
  readonly #queues = new Map<string, Queue>();
  /** Exclusive queues, by the connection that owns them. */
  readonly #owned = new Map<unknown, Set<Queue>>();
  /** Bindings, by their destination. */
  readonly #leadingTo = new Map<Destination, Set<Binding>>();
  readonly #surroundings: QueueSurroundings;

  /** `window` returns how much a queue may keep in memory. */
  constructor(store: Store, window: () => Window, paging: Paging = PAGING) {
    this.#store = store;
    const deadLetters = new DeadLetters(this.router);
    this.#surroundings = {
      window,
      paging,
      spillTable: () => store.spillTable(),
      deadLetter: (queue, message, reason) => deadLetters.add(queue, message, reason),
      unused: (queue) => this.deleteQueue(queue),
    };
    for (const [name, type] of Object.entries(PREDECLARED)) {
      const options = { name, type, durable: true, autoDelete: false, internal: false, arguments: EMPTY };
      this.#exchanges.set(name, new Exchange(options));
    }
    this.#recover();
  }

  exchange(name: string): Exchange | undefined {
    return this.#exchanges.get(name);
  }

  queue(name: string): Queue | undefined {
    return this.#queues.get(name);
  }

  queues(): Iterable<Queue> {
    return this.#queues.values();
  }

  addExchange(options: ExchangeOptions): Exchange {
    const exchange = new Exchange(options);
    if (exchange.durable) this.#store.definitions.addExchange(options);
    this.#exchanges.set(exchange.name, exchange);
    this.version++;
    return exchange;
  }

  deleteExchange(exchange: Exchange): void {
    if (!this.#exchanges.delete(exchange.name)) return;
    this.version++;
    for (const binding of [...exchange.bindings()]) this.#removeBinding(binding);
    for (const binding of [...this.#leadingTo.get(exchange) ?? []]) this.#removeBinding(binding);
    if (exchange.durable) this.#store.definitions.removeExchange(exchange.name);
  }

  /** @throws {AmqpError} 406 for invalid arguments */
  addQueue({ name, durable, autoDelete, owner, argumentBytes }: NewQueue): Queue {
    const args = readQueueArguments(name, argumentBytes);
    if (args.kind === "quorum") {
      const wrong = !durable
        ? "non-durable"
        : owner !== undefined
        ? "exclusive"
        : autoDelete
        ? "auto-delete"
        : undefined;
      if (wrong) {
        throw new AmqpError("preconditionFailed", `invalid property '${wrong}' for queue '${name}' in vhost '/'`);
      }
    }
    // An exclusive queue is deleted with its connection, so it never survives a restart.
    const lasts = durable && owner === undefined;
    const id = lasts ? this.#store.definitions.addQueue({ name, autoDelete, arguments: argumentBytes }) : 0;
    const table = lasts ? this.#store.durableTable(id) : undefined;
    const queue = new Queue(
      { name, id, table, durable, autoDelete, owner, arguments: args, argumentBytes },
      this.#surroundings,
    );
    this.#queues.set(name, queue);
    if (owner !== undefined) this.#owned.set(owner, (this.#owned.get(owner) ?? new Set()).add(queue));
    this.version++;
    return queue;
  }

  deleteQueue(queue: Queue): void {
    if (this.#queues.get(queue.name) !== queue) return;
    this.#queues.delete(queue.name);
    this.#owned.get(queue.owner)?.delete(queue);
    this.version++;
    for (const binding of [...this.#leadingTo.get(queue) ?? []]) this.#removeBinding(binding);
    queue.delete();
    if (queue.id !== 0) this.#store.definitions.removeQueue(queue.id);
  }

  /** Deletes the exclusive queues of a connection that ends. */
  deleteQueuesOf(owner: unknown): void {
    for (const queue of this.#owned.get(owner) ?? []) this.deleteQueue(queue);
    this.#owned.delete(owner);
  }

  /** Adds a binding. Has no effect if it exists. @throws {AmqpError} 406 for invalid arguments */
  bind(source: Exchange, destination: Destination, key: string, argumentBytes: Uint8Array): void {
    const binding = createBinding(source, destination, key, argumentBytes);
    if (!source.add(binding)) return;
    this.#noteLeading(binding);
    this.version++;
    if (lasts(binding)) this.#store.definitions.addBinding(stored(binding));
  }

  /** Removes a binding. Succeeds if it does not exist. */
  unbind(source: Exchange, destination: Destination, key: string, argumentBytes: Uint8Array): void {
    const like = createBinding(source, destination, key, argumentBytes);
    const binding = source.remove(like);
    if (binding) this.#removed(binding);
  }

  /**
   * Commits declarations and deletions before the client gets the answer.
   *
   * @throws if the disk refuses it. The changes are then kept and tried again
   */
  makeLasting(): void {
    if (this.#store.definitions.waiting) this.#store.commitNow();
  }

  /** A purge must be durable too. */
  purge(queue: Queue): number {
    const count = queue.purge();
    if (queue.id !== 0) this.#store.commitNow();
    return count;
  }

  /** Writes everything that is only in memory, for the next start. Nothing may be delivered after that. */
  stop(): void {
    for (const queue of this.#queues.values()) {
      queue.stop();
      if (queue.id !== 0) this.#store.definitions.noteDelivered(queue.id, queue.delivered);
    }
  }

  #removeBinding(binding: Binding): void {
    if (binding.source.remove(binding)) this.#removed(binding);
  }

  #removed(binding: Binding): void {
    this.version++;
    const leading = this.#leadingTo.get(binding.destination);
    leading?.delete(binding);
    if (leading?.size === 0) this.#leadingTo.delete(binding.destination);
    if (lasts(binding)) this.#store.definitions.removeBinding(stored(binding));
    const { source } = binding;
    if (source.autoDelete && source.bindingCount === 0) this.deleteExchange(source);
  }

  #noteLeading(binding: Binding): void {
    const leading = this.#leadingTo.get(binding.destination) ?? new Set();
    this.#leadingTo.set(binding.destination, leading.add(binding));
  }

  #recover(): void {
    const { definitions, wasClean } = this.#store;
    for (const options of definitions.exchanges()) {
      this.#exchanges.set(options.name, new Exchange({ ...options, durable: true }));
    }
    const queues = definitions.queues();
    for (const { id, name, autoDelete, arguments: argumentBytes } of queues) {
      const queue = new Queue({
        name,
        id,
        table: this.#store.durableTable(id),
        durable: true,
        autoDelete,
        owner: undefined,
        arguments: readQueueArguments(name, argumentBytes),
        argumentBytes,
      }, this.#surroundings);
      this.#queues.set(name, queue);
    }
    for (const { source, kind, destination, key, arguments: bytes } of definitions.bindings()) {
      const from = this.#exchanges.get(source);
      const to = kind === "queue" ? this.#queues.get(destination) : this.#exchanges.get(destination);
      if (!from || !to) continue;
      const binding = createBinding(from, to, key, bytes);
      if (from.add(binding)) this.#noteLeading(binding);
    }
    for (const queue of this.#queues.values()) queue.claimSegments();
    this.#store.sweep();
    // Done last, since messages that expired meanwhile are published to exchanges and queues that must exist.
    for (const { name, delivered } of queues) {
      this.#queues.get(name)!.recover(wasClean ? delivered : undefined);
    }
    this.version++;
  }
}

/** A binding is durable if both of its ends are. Exclusive queues never are. */
function lasts({ source, destination }: Binding): boolean {
  return source.durable && destination.durable && !(destination instanceof Queue && destination.id === 0);
}

function stored({ source, destination, key, argumentBytes }: Binding): StoredBinding {
  return {
    source: source.name,
    kind: destination.kind,
    destination: destination.name,
    key,
    arguments: argumentBytes,
  };
}
