import type { AMQPChannel } from "@cloudamqp/amqp-client";
import { describeError, WarrenError } from "../errors.ts";
import type { QueueDefinition } from "../invocation/definition.ts";
import { type Client, replyCode } from "./client.ts";
import { closeChannel } from "./close_channel.ts";
import { describeRights, type Rights } from "./rights.ts";
import { withinLimit } from "./within_limit.ts";

const ACCESS_REFUSED = 403;
const NOT_FOUND = 404;
/** Exists already, with other arguments. */
const PRECONDITION_FAILED = 406;
/** How a broker refuses a kind of queue that it does not have any more. */
const REFUSED_KIND = [540, 541];

export interface DeclaringOptions {
  /** Is called with what differs from what was asked for. */
  warn(message: string): void;
  /** Queues that the broker refuses to have as not durable; one that it refuses now is added. @default none */
  onlyDurable?: Set<string>;
  /** Milliseconds for each answer of the broker. @default 30_000 */
  patience?: number;
}

/**
 * Declarations one after the other on a channel of their own: a refused one closes it, and the next opens another.
 *
 * What exists with other arguments is used as it is. What the user may not declare is looked for; if it is there, it is
 * used, and `assertComplete()` says what is not.
 */
export class Declaring implements AsyncDisposable {
  readonly #client: Client;
  readonly #options: DeclaringOptions;
  /** As they are named in errors: `queue "a"`. */
  readonly #missing = new Set<string>();
  #channel: Promise<AMQPChannel> | undefined;
  #open: AMQPChannel | undefined;
  #refused: unknown;
  #unanswered = false;

  constructor(client: Client, options: DeclaringOptions) {
    this.#client = client;
    this.#options = options;
  }

  /** Whether the user was refused something. */
  get restricted(): boolean {
    return this.#refused !== undefined;
  }

  /** @param otherwise the arguments for a broker that does not take the first ones */
  async queue(queue: QueueDefinition, otherwise?: QueueDefinition["arguments"]): Promise<void> {
    const { name, autoDelete } = queue;
    const durable = queue.durable || this.#onlyDurable.has(name);
    try {
      await this.#run(
        `queue "${name}"`,
        (channel) => channel.queueDeclare(name, { durable, autoDelete, exclusive: false }, { ...queue.arguments }),
      );
    } catch (error) {
      const code = replyCode(error);
      if (otherwise && code !== undefined && code !== ACCESS_REFUSED) {
        return await this.queue({ ...queue, arguments: otherwise });
      }
      if (!durable && REFUSED_KIND.includes(code ?? 0)) {
        this.#onlyDurable.add(name);
        this.#warn(`the broker refuses queues that are not durable, so "${name}" is declared durable`, error);
        throw error; // such a refusal ends the connection; the next one declares it durable
      }
      await this.#orUseIt("queue", name, error, (channel) => channel.queueDeclare(name, { passive: true }));
    }
  }

  async exchange(name: string, type: string, args: Record<string, string> = {}): Promise<void> {
    if (name === "") return;
    // The broker's own exchanges are there, and may not be declared.
    const passive = name.startsWith("amq.");
    const look = (channel: AMQPChannel) => channel.exchangeDeclare(name, type, { passive: true });
    try {
      await this.#run(
        `exchange "${name}"`,
        (channel) => channel.exchangeDeclare(name, type, { passive, durable: true }, args),
      );
    } catch (error) {
      await this.#orUseIt("exchange", name, error, look);
    }
  }

  /** A binding cannot be looked for: where the user may not bind, it is taken to be there. */
  async bind(queue: string, exchange: string, routingKey: string, args: Record<string, unknown> = {}): Promise<void> {
    if (this.#missing.has(`queue "${queue}"`) || this.#missing.has(`exchange "${exchange}"`)) return;
    const what = `binding of queue "${queue}" to exchange "${exchange}" with routing key "${routingKey}"`;
    try {
      await this.#run(
        what,
        (channel) => channel.queueBind(queue, exchange, routingKey, args as Record<string, string>),
      );
    } catch (error) {
      if (replyCode(error) !== ACCESS_REFUSED) throw error;
      this.#refused = error;
      const needs = `it needs the rights to write to the queue and to read from the exchange`;
      this.#warn(`the ${what} is taken to be there, since the user may not make it (${needs})`, error);
    }
  }

  /** Whether there is a queue of that name. */
  async hasQueue(name: string): Promise<boolean> {
    try {
      await this.#run(`queue "${name}"`, (channel) => channel.queueDeclare(name, { passive: true }));
      return true;
    } catch (error) {
      if (replyCode(error) === NOT_FOUND) return false;
      throw error;
    }
  }

  /**
   * @param needed what the user needs for all of it
   * @throws {WarrenError} `refused` where something is missing that the user may not declare
   */
  assertComplete(needed: Rights): void {
    if (this.#missing.size === 0) return;
    const missing = [...this.#missing].join(", ");
    throw new WarrenError(
      "refused",
      `the user may not declare what is missing on the broker: ${missing}. Declare it beforehand, or give the user the ` +
        `right to configure it. ${describeRights(needed)}. The broker says: ${describeError(this.#refused)}`,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const opening = this.#channel;
    const channel = this.#open;
    // Where the broker does not answer, nobody waits: it is closed when it has opened, or read the rest.
    if (!channel || this.#unanswered) return void opening?.then((late) => late.close()).catch(() => {});
    if (channel.closed || this.#client.closed) return;
    await closeChannel(channel, 2_000);
  }

  get #onlyDurable(): Set<string> {
    return this.#options.onlyDurable ?? new Set();
  }

  /** After a refusal: what is there is used as it is. */
  async #orUseIt(
    kind: string,
    name: string,
    error: unknown,
    look: (channel: AMQPChannel) => Promise<unknown>,
  ): Promise<void> {
    const what = `${kind} "${name}"`;
    const code = replyCode(error);
    if (code !== PRECONDITION_FAILED && code !== ACCESS_REFUSED) throw declareError(what, error);
    if (code === ACCESS_REFUSED) this.#refused = error;
    else this.#warn(`${what} exists with other arguments and is used as it is`, error);
    try {
      await this.#run(what, look);
    } catch (found) {
      const answer = replyCode(found);
      if (code !== ACCESS_REFUSED || (answer !== NOT_FOUND && answer !== ACCESS_REFUSED)) {
        throw declareError(what, found);
      }
      this.#missing.add(what);
    }
  }

  /** @throws {WarrenError} `unavailable` where the broker does not answer in time: a blocked connection is not read */
  async #run(what: string, step: (channel: AMQPChannel) => Promise<unknown>): Promise<void> {
    const { patience = 30_000 } = this.#options;
    const late = () => {
      this.#unanswered = true;
      return `the broker did not answer within ${patience / 1000} s about ${what}`;
    };
    const { blocked } = this.#client;
    if (blocked) throw new WarrenError("unavailable", `the broker takes nothing now: ${blocked}`);
    await withinLimit(this.#onChannel(step), patience, late);
  }

  async #onChannel(step: (channel: AMQPChannel) => Promise<unknown>): Promise<void> {
    if (!this.#channel || this.#open?.closed) {
      this.#open = undefined;
      this.#channel = this.#client.channel();
    }
    const channel = await this.#channel;
    this.#open = channel;
    channel.onerror = () => {};
    await step(channel);
  }

  #warn(message: string, error: unknown): void {
    this.#options.warn(`${message}: ${describeError(error)}`);
  }
}

function declareError(what: string, error: unknown): WarrenError {
  if (error instanceof WarrenError) return error;
  const code = replyCode(error) ? "refused" : "unavailable";
  return new WarrenError(code, `cannot declare ${what}: ${describeError(error)}`);
}
