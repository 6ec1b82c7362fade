import type { AMQPChannel } from "@cloudamqp/amqp-client";
import { describeError, WarrenError } from "../../base/errors.ts";
import { valueWithin } from "../../base/time/within.ts";
import { type Client, replyCode } from "../client/client.ts";
import { closeChannel } from "../client/close_channel.ts";
import type { LateAnswers } from "./late_answers.ts";
import type { Shape } from "./queue_shapes.ts";
import type { Refusals } from "./refusals.ts";
import { unlessAborted } from "../client/unless_aborted.ts";

const ACCESS_REFUSED = 403;
const NOT_FOUND = 404;
/** The object exists with other arguments. */
const PRECONDITION_FAILED = 406;
/** How a broker refuses a kind of queue that it no longer supports. */
const REFUSED_KIND = [540, 541];

export interface DeclaringOptions {
  /** Called with the differences if an object exists with other arguments. */
  warn(message: string): void;
  refusals: Refusals;
  late: LateAnswers;
  /** Called if an answer is late. */
  onLate?: (detail: string) => void;
  /** Queues that the broker refuses as transient. Newly refused ones are added. */
  onlyDurable: Set<string>;
  /** Queues that exist with other arguments. They are looked up instead of declared. Newly found ones are added. */
  different: Set<string>;
  /** Milliseconds for each answer of the broker. @default 30_000 */
  patience?: number;
  /** Aborts when nobody waits for the answers any more. */
  signal?: AbortSignal;
}

/**
 * Declarations one after the other on a channel of their own: a refused one closes it, and the next opens another.
 *
 * What exists with other arguments is used as it is. What the user may not declare is looked for; if it is there, it is
 * used, and `refusals` has what is not.
 */
export class Declaring implements AsyncDisposable {
  readonly #client: Client;
  readonly #options: DeclaringOptions;
  #channel: Promise<AMQPChannel> | undefined;
  #open: AMQPChannel | undefined;
  #unanswered = false;

  constructor(client: Client, options: DeclaringOptions) {
    this.#client = client;
    this.#options = options;
  }

  /** @param onDifferent is called instead of the warning if the queue exists with other arguments */
  async queue({ queue, otherwise }: Shape, onDifferent?: (error: unknown) => void): Promise<void> {
    const { name, autoDelete } = queue;
    const { onlyDurable, different } = this.#options;
    const durable = queue.durable || onlyDurable.has(name);
    if (different.has(name)) {
      if (await this.hasQueue(name)) return;
      different.delete(name);
    }
    try {
      await this.#run(
        `queue "${name}"`,
        (channel) => channel.queueDeclare(name, { durable, autoDelete, exclusive: false }, { ...queue.arguments }),
      );
    } catch (error) {
      const code = replyCode(error);
      if (otherwise && isRefusedArgument(error)) {
        return await this.queue({ queue: { ...queue, arguments: otherwise } }, onDifferent);
      }
      if (!durable && REFUSED_KIND.includes(code ?? 0)) {
        onlyDurable.add(name);
        this.#warn(`the broker refuses queues that are not durable, so "${name}" is declared durable`, error);
        throw error; // such a refusal ends the connection; the next one declares it durable
      }
      await this.#orUseIt(
        "queue",
        name,
        error,
        (channel) => channel.queueDeclare(name, { passive: true }),
        onDifferent,
      );
      if (code === PRECONDITION_FAILED) different.add(name);
    }
  }

  async exchange(
    name: string,
    type: string,
    args: Record<string, string> = {},
    lifetime: { autoDelete?: true } = {},
  ): Promise<void> {
    if (name === "") return;
    // The broker's own exchanges exist and may not be declared.
    const passive = name.startsWith("amq.");
    const look = (channel: AMQPChannel) => channel.exchangeDeclare(name, type, { passive: true });
    try {
      await this.#run(
        `exchange "${name}"`,
        (channel) => channel.exchangeDeclare(name, type, { passive, durable: true, ...lifetime }, args),
      );
    } catch (error) {
      await this.#orUseIt("exchange", name, error, look);
    }
  }

  /** Bindings cannot be looked up. If the user may not bind, the binding is assumed to exist. */
  async bind(queue: string, exchange: string, routingKey: string, args: Record<string, unknown> = {}): Promise<void> {
    const { refusals } = this.#options;
    if (refusals.isMissing(`queue "${queue}"`) || refusals.isMissing(`exchange "${exchange}"`)) return;
    const what = `binding of queue "${queue}" to exchange "${exchange}" with routing key "${routingKey}"`;
    try {
      await this.#run(
        what,
        (channel) => channel.queueBind(queue, exchange, routingKey, args as Record<string, string>),
      );
    } catch (error) {
      if (replyCode(error) !== ACCESS_REFUSED) throw error;
      refusals.refused(error);
      const needs = `it needs the rights to write to the queue and to read from the exchange`;
      this.#warn(`the ${what} is taken to be there, since the user may not make it (${needs})`, error);
    }
  }

  /** Whether a queue of that name exists. */
  async hasQueue(name: string): Promise<boolean> {
    try {
      await this.#run(`queue "${name}"`, (channel) => channel.queueDeclare(name, { passive: true }));
      return true;
    } catch (error) {
      if (isAbsent(error)) return false;
      throw declareError(`queue "${name}"`, error);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const opening = this.#channel;
    const channel = this.#open;
    // If the broker does not answer, nobody waits: the channel closes later, when it has opened or read the rest.
    if (!channel || this.#unanswered) return void opening?.then((late) => late.close()).catch(() => {});
    if (channel.closed || this.#client.closed) return;
    await closeChannel(channel, 2_000);
  }

  /** After a refusal, an existing object is used as it is. */
  async #orUseIt(
    kind: string,
    name: string,
    error: unknown,
    look: (channel: AMQPChannel) => Promise<unknown>,
    onDifferent?: (error: unknown) => void,
  ): Promise<void> {
    const what = `${kind} "${name}"`;
    const code = replyCode(error);
    if (code !== PRECONDITION_FAILED && code !== ACCESS_REFUSED) throw declareError(what, error);
    if (code === ACCESS_REFUSED) this.#options.refusals.refused(error);
    else if (onDifferent) onDifferent(error);
    else this.#warn(`${what} exists with other arguments and is used as it is`, error);
    try {
      await this.#run(what, look);
    } catch (found) {
      const answer = replyCode(found);
      if (code !== ACCESS_REFUSED || (!isAbsent(found) && answer !== ACCESS_REFUSED)) {
        throw declareError(what, found);
      }
      this.#options.refusals.missing(what);
    }
  }

  /**
   * @throws {WarrenError} `unavailable` if the broker does not answer in time: it does not read a blocked connection
   */
  async #run(what: string, step: (channel: AMQPChannel) => Promise<unknown>): Promise<void> {
    const { patience = 30_000, signal, late, onLate } = this.#options;
    const { blocked } = this.#client;
    if (blocked) throw new WarrenError("unavailable", `the broker takes nothing now: ${blocked}`);
    const asking = late.ask(what, onLate);
    const gaveUp = () => {
      this.#unanswered = true;
      asking.gaveUp();
      return `the broker did not answer within ${patience / 1000} s about ${what}`;
    };
    const aborted = () => {
      this.#unanswered = true;
      asking.forgotten();
      return "cancelled";
    };
    const answer = this.#onChannel(step);
    answer.catch(() => {}).finally(() => this.#unanswered || asking.answered());
    await unlessAborted(valueWithin(patience, answer, () => new WarrenError("unavailable", gaveUp())), signal, aborted);
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

/** Whether the broker does not support an argument, or not for that kind of queue. */
function isRefusedArgument(error: unknown): boolean {
  const code = replyCode(error);
  if (code === undefined || code === ACCESS_REFUSED) return false;
  return code !== PRECONDITION_FAILED || !/inequivalent/i.test(describeError(error));
}

/** Brokers report a queue whose node is down as not found too. */
function isAbsent(error: unknown): boolean {
  return replyCode(error) === NOT_FOUND && !/\bdown\b|inaccessible|stopped/i.test(describeError(error));
}

function declareError(what: string, error: unknown): WarrenError {
  if (error instanceof WarrenError) return error;
  const code = replyCode(error);
  // A declared queue cannot be missing, so its node is down.
  const down = code === NOT_FOUND && what.startsWith("queue ");
  const refused = code !== undefined && !down;
  return new WarrenError(refused ? "refused" : "unavailable", `cannot declare ${what}: ${describeError(error)}`);
}
