import type { AMQPChannel, AMQPMessage } from "@cloudamqp/amqp-client";
import { describeError } from "../../base/errors.ts";
import type { FunctionDefinition } from "../../invocation/definition/definition.ts";
import type { Logger } from "../../base/log.ts";
import { endsWithin, valueWithin } from "../../base/time/within.ts";
import { Acks } from "./acks.ts";
import type { Client } from "../client/client.ts";
import { closeChannel } from "../client/close_channel.ts";
import type { Connection } from "../client/connection.ts";
import { declareBeside } from "../topology/declare_beside.ts";
import { existingQueues } from "../topology/existing_queues.ts";
import { consumerTag } from "../message/names.ts";
import type { Topology } from "../topology/topology.ts";
import { unlessAborted, whenAborted } from "../client/unless_aborted.ts";
import { whileConnected } from "../client/while_connected.ts";

/** One message from the broker, which must be settled once. */
export interface Delivery {
  readonly message: AMQPMessage;
  /** False once its channel is gone. The broker then delivers it again, here or elsewhere. */
  readonly live: boolean;
  ack(): void;
  /** Returns it to its place in the queue, unchanged. */
  requeue(): void;
  /** Set if the message may be what ends its runners, and must keep its place. */
  readonly trial?: Trial;
}

/** What is known about a message that may be what ends its runners. */
export interface Trial {
  /** The number of runners that ended while they ran it. */
  readonly deaths: number;
  /** Call before it runs. Resolves once the next consumer of the message would know about the run. */
  begin(): Promise<void>;
  /** Call when its run has ended and the runner lives. */
  end(): void;
}

export interface ConsumerOptions {
  connection: Connection;
  topology: Topology;
  definition: FunctionDefinition;
  log: Logger;
  /**
   * Awaited on each connection, after everything is declared and before anything is consumed: rejects where nothing may be.
   * Then it is asked again, unless the consumer was cancelled meanwhile.
   */
  gate?: (client: Client) => Promise<void>;
  /** Called within one turn for all messages of one read of the socket. */
  onDelivery: (delivery: Delivery) => void;
  /** A channel is gone, whoever closed it. Its unsettled deliveries are not live any more. */
  onLost?: (reason: string) => void;
  /** The consumer started or stopped getting messages. `detail` says why it gets none. */
  onState?: (consuming: boolean, detail: string | undefined) => void;
}

/** A source of a function's messages. */
export interface Consuming {
  start(): void;
  /** Stops new deliveries. Existing ones can still be settled. */
  cancel(): Promise<void>;
  /** Stops new deliveries, and closes once the existing ones are settled or cannot be any more. */
  retire(): Promise<void>;
  /** Gives everything back. Unsettled messages are delivered again. */
  close(): Promise<void>;
}

/** Consumes, and starts again after each interruption until the signal aborts. Reports both. */
export function keepConsuming(
  { connection, log, onState }: Pick<ConsumerOptions, "connection" | "log" | "onState">,
  signal: AbortSignal,
  consume: (client: Client) => Promise<void>,
): Promise<void> {
  const onInterrupted = (error: unknown) => {
    const detail = describeError(error);
    onState?.(false, detail);
    // The connection logs its own loss. Other interruptions are logged here.
    if (connection.state.connected) log.warn(`cannot consume: ${detail}; trying again`);
  };
  return whileConnected({ connection, signal, initial: 100, onInterrupted }, consume);
}

/** Why deliveries are lost if the broker cancels a consumer without a reason. */
export const CANCELLED = "the broker cancelled the consumer, although its queue is there";
/** Milliseconds for the broker to report whether a queue exists. */
const ANSWER_LIMIT = 5_000;

/**
 * Consumes one queue on a channel of its own, for as long as it is not cancelled:
 * whatever ends it (connection lost, channel closed, cancelled by the broker, queue
 * deleted) is declared again and consumed again, with growing delays.
 */
export class Consumer implements Consuming {
  readonly #options: ConsumerOptions;
  readonly #cancelled = new AbortController();
  readonly #sessions = new Set<Session>();
  #loop: Promise<void> | undefined;

  constructor(options: ConsumerOptions) {
    this.#options = options;
  }

  start(): void {
    this.#loop ??= keepConsuming(this.#options, this.#cancelled.signal, (client) => this.#consume(client));
  }

  /** Stops new deliveries. The channel stays open for existing ones. */
  async cancel(): Promise<void> {
    this.#cancelled.abort();
    await this.#loop;
  }

  async retire(): Promise<void> {
    await this.cancel();
    await Promise.all([...this.#sessions].map((session) => this.#retire(session)));
  }

  /** Closes the channel. Unsettled messages are delivered again. */
  async close(): Promise<void> {
    await this.cancel();
    await Promise.all([...this.#sessions].map((session) => session.close()));
    this.#sessions.clear();
  }

  /** Resolves when it was cancelled here. Every other end rejects. */
  async #consume(client: Client): Promise<void> {
    const { topology, definition, log, onState, gate } = this.#options;
    const over = new AbortController();
    const forget = whenAborted(this.#cancelled.signal, () => over.abort());
    const onLate = (detail: string) => onState?.(false, detail);
    try {
      await declareBeside(client, { topology, definition, log, signal: over.signal, onLate });
      if (gate) await this.#unlessCancelled(gate(client));
      await this.#receive(client);
    } finally {
      forget();
      over.abort();
    }
  }

  async #receive(client: Client): Promise<void> {
    const { onLost, onState } = this.#options;
    const { signal } = this.#cancelled;
    const channel = await this.#unlessCancelled(client.channel());
    const session = new Session(channel);
    this.#sessions.add(session);
    // Called for every end of the channel that this side did not ask for, and when the connection is lost.
    channel.onerror = (reason) => {
      session.acks.lose();
      this.#sessions.delete(session);
      onLost?.(reason);
    };
    let consuming = false;
    try {
      const { tag, wait } = await this.#unlessCancelled(this.#begin(session));
      consuming = true;
      onState?.(true, undefined);
      const { promise: aborted, resolve } = Promise.withResolvers<true>();
      const forget = whenAborted(signal, () => resolve(true));
      const end = wait.then(() => undefined);
      end.catch(() => {});
      const ended = await Promise.race([aborted, end]).catch(async (error) => {
        if (!channel.closed) await this.#cancelledByBroker(client, session);
        throw error;
      }).finally(forget);
      if (!ended) throw new Error("the channel was closed");
      await endsWithin(3_000, channel.basicCancel(tag).catch(() => {}));
      onState?.(false, undefined);
    } finally {
      if (channel.closed) this.#sessions.delete(session);
      else if (!consuming) this.#abandon(session);
      // Its queue was deleted. Running handlers may finish, and then the channel is closed.
      else if (!signal.aborted) void this.#retire(session);
    }
  }

  async #begin(session: Session): Promise<{ tag: string; wait: Promise<void> }> {
    const { definition, onDelivery } = this.#options;
    const { channel } = session;
    await channel.basicQos(definition.prefetch);
    const tag = consumerTag(definition);
    const consumer = await channel.basicConsume(
      definition.queue.name,
      { tag, noAck: false },
      (message) => onDelivery(session.delivery(message)),
    );
    return { tag, wait: consumer.wait() };
  }

  /**
   * The broker ended the consumer and left the channel open. If the queue is still there, the broker has taken back what
   * was out, as RabbitMQ does from 4.3 on after `consumer_timeout`, and will deliver it again: that has to be known before
   * anything is consumed again, or a message would run beside itself.
   */
  async #cancelledByBroker(client: Client, session: Session): Promise<void> {
    const { definition: { queue }, onLost } = this.#options;
    const asked = existingQueues(client, [queue.name]);
    const there = await valueWithin(ANSWER_LIMIT, asked, () => new Error("no answer")).catch(() => undefined);
    if (there?.size === 0) return;
    await session.close();
    this.#sessions.delete(session);
    onLost?.(CANCELLED);
  }

  /** Nothing arrived on its channel, and the broker may never answer, so nobody waits for its end. */
  #abandon(session: Session): void {
    this.#sessions.delete(session);
    void session.close();
  }

  /** A broker that does not answer must not delay a drain. */
  #unlessCancelled<T>(asked: Promise<T>): Promise<T> {
    return unlessAborted(asked, this.#cancelled.signal, () => "cancelled");
  }

  async #retire(session: Session): Promise<void> {
    await session.acks.drained();
    await session.close();
    this.#sessions.delete(session);
  }
}

/** One channel and the deliveries that arrived on it. */
class Session {
  readonly channel: AMQPChannel;
  readonly acks: Acks;

  constructor(channel: AMQPChannel) {
    this.channel = channel;
    this.acks = new Acks(channel);
  }

  delivery(message: AMQPMessage): Delivery {
    this.acks.delivered(message.deliveryTag);
    return new ChannelDelivery(this, message);
  }

  /** Closing is the only request whose answer proves that earlier acks have arrived. */
  async close(): Promise<void> {
    this.acks.flush();
    await closeChannel(this.channel);
    this.acks.lose();
  }
}

class ChannelDelivery implements Delivery {
  readonly message: AMQPMessage;
  readonly #session: Session;
  #settled = false;

  constructor(session: Session, message: AMQPMessage) {
    this.#session = session;
    this.message = message;
  }

  get live(): boolean {
    return !this.#settled && !this.#session.channel.closed;
  }

  ack(): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#session.acks.ack(this.message.deliveryTag);
  }

  requeue(): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#session.acks.settledOtherwise(this.message.deliveryTag);
    this.#session.channel.basicNack(this.message.deliveryTag, true).catch(() => {});
  }
}
