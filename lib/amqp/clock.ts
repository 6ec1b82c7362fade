import type { AMQPChannel, AMQPMessage } from "@cloudamqp/amqp-client";
import { describeError } from "../base/errors.ts";
import type { FunctionDefinition } from "../invocation/definition/definition.ts";
import { dueAfter, type Schedule } from "../invocation/definition/schedule.ts";
import type { Logger } from "../base/log.ts";
import { closeChannel } from "./client/close_channel.ts";
import type { Connection } from "./client/connection.ts";
import { HEADERS, scheduledId, scheduleQueue } from "./message/names.ts";
import type { Topology } from "./topology/topology.ts";
import { unlessAborted, whenAborted } from "./client/unless_aborted.ts";
import { whileConnected } from "./client/while_connected.ts";

/**
 * Milliseconds after which the token is put back: brokers close channels with deliveries that stay unacked for long.
 */
const REFRESH = 10 * 60_000;
/**
 * Milliseconds by which the runners' clocks may differ. If the last run is ahead by no more than this, the clock waits.
 */
const SKEW = 5_000;

export interface ClockOptions {
  connection: Connection;
  topology: Pick<Topology, "declareSchedule">;
  definition: FunctionDefinition & { readonly schedule: Schedule };
  log: Logger;
  /** @default the wall clock */
  now?: () => Date;
}

/**
 * Runs a function by its schedule, once for all runners. There is one token for each scheduled function, a message that says
 * when it ran last, in a queue with a single active consumer: whoever holds it waits for the next time, and then
 * publishes the run and the token with the new time, and acks the old token, in one transaction. A runner that dies gives
 * the token back as it was, to another one.
 */
export class Clock {
  readonly #options: ClockOptions;
  readonly #stopped = new AbortController();
  #loop: Promise<void> | undefined;

  constructor(options: ClockOptions) {
    this.#options = options;
  }

  start(): void {
    this.#loop ??= this.#run();
  }

  /** Gives the token back. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#loop;
  }

  #run(): Promise<void> {
    const { connection, topology, definition, log } = this.#options;
    const { signal } = this.#stopped;
    const onInterrupted = (error: unknown) => {
      if (connection.state.connected) log.warn(`the schedule is interrupted: ${describeError(error)}`);
    };
    return whileConnected(
      { connection, signal, initial: 200, onInterrupted },
      async (client) => {
        await unlessAborted(topology.declareSchedule(client, definition, { signal }), signal, () => "stopped");
        await this.#keep(await unlessAborted(client.channel(), signal, () => "stopped"));
      },
    );
  }

  /** Runs until it is stopped. Rejects if the channel is lost. */
  async #keep(channel: AMQPChannel): Promise<void> {
    const holder = new Holder(this.#options, channel, this.#stopped.signal);
    channel.onerror = () => {};
    const { signal } = this.#stopped;
    // A broker that does not answer, as on a blocked connection, must not delay the stop.
    const unlessStopped = (step: Promise<void>) => unlessAborted(step, signal, () => "stopped");
    try {
      await unlessStopped(holder.open());
      while (!signal.aborted) await unlessStopped(holder.turn());
    } finally {
      await closeChannel(channel);
    }
  }
}

/** One channel on which tokens arrive. */
class Holder {
  readonly #definition: ClockOptions["definition"];
  readonly #queue: string;
  readonly #channel: AMQPChannel;
  readonly #signal: AbortSignal;
  readonly #log: Logger;
  readonly #now: () => Date;
  readonly #tokens: AMQPMessage[] = [];
  #lost: string | undefined;
  /** A held token has no time or a wrong one, and must be replaced at once. */
  #corrected = false;
  #wake = () => {};

  constructor({ definition, log, now }: ClockOptions, channel: AMQPChannel, signal: AbortSignal) {
    this.#definition = definition;
    this.#queue = scheduleQueue(definition.queue.name);
    this.#channel = channel;
    this.#signal = signal;
    this.#log = log;
    this.#now = now ?? (() => new Date());
  }

  async open(): Promise<void> {
    const channel = this.#channel;
    const { messageCount, consumerCount } = await channel.queueDeclare(this.#queue, { passive: true });
    await channel.txSelect();
    // Two runners that start at once may both do this. A runner that gets two tokens replaces them by one.
    if (messageCount === 0 && consumerCount === 0) {
      await this.#publishToken(this.#now(), { first: true });
      await channel.txCommit();
    }
    await channel.basicQos(10);
    const consumer = await channel.basicConsume(this.#queue, { noAck: false }, (message) => {
      this.#tokens.push(message);
      this.#wake();
    });
    channel.onReturn = ({ routingKey }) => this.#log.error(`the scheduled run found no queue "${routingKey}"`);
    consumer.wait().then(() => this.#lose("the consumer ended"), (error) => this.#lose(describeError(error)));
  }

  /** Waits for the token and, when it has it, for the next run. */
  async turn(): Promise<void> {
    if (this.#lost !== undefined) throw new Error(this.#lost);
    const now = this.#now();
    // While a node is lost, a broker may report that there is no token. A first token says nothing about missed runs.
    const earlier = this.#tokens.filter((token) => !isFirst(token));
    const telling = earlier.length > 0 ? earlier : this.#tokens;
    const ran = telling.map((token) => this.#lastRun(token, now)).sort((a, b) => b.getTime() - a.getTime());
    const [last] = ran;
    if (!last) return await this.#sleep(REFRESH);
    const due = dueAfter(this.#definition.schedule, last, now);
    const wait = due ? due.getTime() - now.getTime() : Infinity;
    if (wait > 0 && this.#tokens.length === 1 && !this.#corrected) {
      const held = this.#tokens.length;
      await this.#sleep(Math.min(wait, REFRESH));
      // Another token came, the clock stops, or it is time: loops, unless the token was held for too long.
      if (wait < REFRESH || this.#tokens.length !== held || this.#signal.aborted || this.#lost !== undefined) return;
    }
    const runs = wait <= 0 && due !== undefined;
    if (runs) await this.#publishRun(due);
    await this.#publishToken(runs ? due : last);
    for (const each of this.#tokens.splice(0)) await each.ack();
    await this.#channel.txCommit();
    this.#corrected = false;
    if (runs) this.#log.debug(`scheduled run of ${due.toISOString()}`);
  }

  /**
   * When it ran last. A time ahead of now is from a clock that was ahead, and counts as now: else nothing would run until
   * then. So does a token that cannot be read.
   */
  #lastRun(token: AMQPMessage, now: Date): Date {
    const last = timeIn(token);
    if (last && last.getTime() - now.getTime() <= SKEW) return last;
    const found = last
      ? `is said to be at ${last.toISOString()}, ahead of this machine's clock (${now.toISOString()}): a clock is wrong`
      : `is not known: what is in "${this.#queue}" cannot be read`;
    this.#corrected = true;
    this.#log.warn(`the schedule's last run ${found}; the schedule goes on from now`);
    return now;
  }

  async #publishRun(due: Date): Promise<void> {
    const { name, queue: { name: queue } } = this.#definition;
    const scheduled = due.toISOString();
    await this.#channel.basicPublish("", queue, JSON.stringify({ scheduled }), {
      contentType: "application/json",
      deliveryMode: 2,
      messageId: scheduledId(name, scheduled),
      timestamp: due,
      headers: { [HEADERS.scheduled]: scheduled },
    }, true);
  }

  async #publishToken(last: Date, { first }: { first?: true } = {}): Promise<void> {
    const body = JSON.stringify({ last: last.toISOString(), first });
    await this.#channel.basicPublish("", this.#queue, body, { deliveryMode: 2, contentType: "application/json" });
  }

  #lose(why: string): void {
    this.#lost = why;
    this.#wake();
  }

  /** Waits until then, or until something happens. */
  #sleep(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    const timer = setTimeout(resolve, ms);
    const forget = whenAborted(this.#signal, resolve);
    return promise.finally(() => {
      clearTimeout(timer);
      forget();
    });
  }
}

/** Whether it is the first token of a schedule: nothing has run yet. */
function isFirst(token: AMQPMessage): boolean {
  try {
    return JSON.parse(token.bodyString() ?? "").first === true;
  } catch {
    return false;
  }
}

/** The time in a token. Undefined for a message from another program. */
function timeIn(token: AMQPMessage): Date | undefined {
  try {
    const last = new Date(JSON.parse(token.bodyString() ?? "").last);
    return Number.isNaN(last.getTime()) ? undefined : last;
  } catch {
    return undefined;
  }
}
