import type { AMQPMessage } from "@cloudamqp/amqp-client";
import type { Consuming, Delivery, Trial } from "../../lib/amqp/consuming/consumer.ts";
import { retryProperties, setAsideProperties } from "../../lib/amqp/message/headers.ts";
import type { OnSettled, Settled } from "../../lib/amqp/publishing/settle.ts";
import type { FunctionDefinition } from "../../lib/invocation/definition/definition.ts";
import type { Disposition } from "../../lib/invocation/outcome.ts";
import type { DeliveredInvocation } from "../../lib/invocation/sandbox.ts";
import type { ConsumeOptions } from "../../lib/serving/surroundings.ts";
import type { FakeTimers } from "./fake_timers.ts";

export type Properties = AMQPMessage["properties"];

interface Ready {
  readonly body: string;
  readonly properties: Properties;
  readonly redelivered: boolean;
  readonly exchange: string;
}

interface About {
  definition: FunctionDefinition;
  invocation: Pick<DeliveredInvocation, "body" | "properties" | "headers" | "exchange" | "routingKey"> & {
    attempt: number;
  };
}

/** What a broker does, as far as serving sees it: queues, consumers with a prefetch, and copies. Nothing of it is AMQP. */
export class FakeBroker {
  readonly #timers: FakeTimers;
  readonly #queues = new Map<string, Ready[]>();
  readonly consumers = new Set<FakeConsumer>();
  /** How many messages it handed over, from the beginning on. */
  delivered = 0;
  /** What was published by outputs, as `queue: body`. */
  readonly published: string[] = [];
  /** Nobody can take what functions publish. */
  refusesOutputs = false;
  /** Copies are confirmed after that; none are if it never resolves. */
  confirms: Promise<unknown> = Promise.resolve();
  /** What is known of a message that keeps its place, by its body. */
  readonly trials = new Map<string, Trial>();
  /** A cancel is answered after that. */
  cancels: Promise<unknown> = Promise.resolve();

  constructor(timers: FakeTimers) {
    this.#timers = timers;
  }

  publish(queue: string, bodies: string[], properties: Properties = {}, redelivered = false): void {
    for (const body of bodies) this.#queue(queue).push({ body, properties, redelivered, exchange: "" });
    this.serve();
  }

  /** The bodies that are ready in a queue. */
  bodies(queue: string): string[] {
    return this.#queue(queue).map(({ body }) => body);
  }

  /** The attempt that a ready message is for. */
  attempts(queue: string): number[] {
    return this.#queue(queue).map(({ properties }) => Number(properties.headers?.["warren-attempt"] ?? 1));
  }

  /** The consumer of a queue that is not cancelled. */
  consumerOf(queue: string): FakeConsumer | undefined {
    return [...this.consumers].find(({ active, definition }) => active && definition.queue.name === queue);
  }

  consumer(options: ConsumeOptions): FakeConsumer {
    return new FakeConsumer(this, options);
  }

  /** Hands over what is ready to whoever has room. */
  serve(): void {
    for (const consumer of this.consumers) {
      const queue = this.#queue(consumer.definition.queue.name);
      while (queue.length > 0 && consumer.hasRoom) {
        this.delivered++;
        consumer.deliver(queue.shift()!);
      }
    }
  }

  giveBack(queue: string, message: Ready): void {
    this.#queue(queue).unshift({ ...message, redelivered: true });
    this.serve();
  }

  readonly settler = {
    settle: <S>(
      delivery: Delivery,
      disposition: Disposition,
      about: About,
      onEnd: OnSettled<S>,
      subject: S,
    ): void => {
      const settling = this.#settle(delivery, disposition, about);
      void settling.then((settled) => onEnd(undefined, subject, settled), (error) => onEnd(error, subject, "lost"));
    },
    setAside: async (delivery: Delivery, about: About): Promise<boolean> => {
      await this.confirms;
      if (!delivery.live) return false;
      const invocation = { ...about.invocation, redelivered: false, wantsResult: false };
      this.#copy(about.definition.queue.name, about, setAsideProperties({ invocation }), 0);
      delivery.ack();
      return true;
    },
  };

  async #settle(delivery: Delivery, disposition: Disposition, about: About): Promise<Settled> {
    await this.confirms;
    if (!delivery.live) return "lost";
    const failed = { ...about, invocation: { ...about.invocation, redelivered: false, wantsResult: false } };
    const { name } = about.definition.queue;
    if (disposition.kind === "retry") {
      const facts = { ...failed, failure: disposition.failure, now: new Date(0) };
      this.#copy(name, about, retryProperties(facts, disposition.attempt), disposition.delay);
    }
    if (disposition.kind === "deadLetter") this.#copy(`${name}.dead`, about, {}, 0);
    delivery.ack();
    return "settled";
  }

  #copy(queue: string, { invocation }: About, properties: Properties, delay: number): void {
    const body = new TextDecoder().decode(invocation.body);
    const arrive = () => {
      this.#queue(queue).push({ body, properties, redelivered: false, exchange: "warren.dispatch" });
      this.serve();
    };
    if (delay === 0) arrive();
    else this.#timers.after(delay, arrive);
  }

  #queue(name: string): Ready[] {
    const queue = this.#queues.get(name) ?? [];
    this.#queues.set(name, queue);
    return queue;
  }
}

export class FakeConsumer implements Consuming {
  readonly definition: FunctionDefinition;
  readonly #broker: FakeBroker;
  readonly #options: ConsumeOptions;
  readonly unsettled = new Set<FakeDelivery>();
  #started = false;
  #cancelled = false;
  #answered = false;
  open = true;
  readonly #settled = new Set<() => void>();

  constructor(broker: FakeBroker, options: ConsumeOptions) {
    this.#broker = broker;
    this.#options = options;
    this.definition = options.definition;
  }

  /** Started, and not cancelled. */
  get active(): boolean {
    return this.#started && !this.#cancelled;
  }

  /** Until a cancel is answered, the broker may send more. */
  get hasRoom(): boolean {
    return this.#started && this.open && !this.#answered && this.unsettled.size < this.definition.prefetch;
  }

  get queue(): string {
    return this.definition.queue.name;
  }

  get broker(): FakeBroker {
    return this.#broker;
  }

  start(): void {
    this.#started = true;
    this.#broker.consumers.add(this);
    queueMicrotask(() => {
      if (!this.active) return;
      this.#options.onState?.(true, undefined);
      this.#broker.serve();
    });
  }

  async cancel(): Promise<void> {
    this.#cancelled = true;
    await this.#broker.cancels;
    this.#answered = true;
  }

  async retire(): Promise<void> {
    await this.cancel();
    if (this.open && this.unsettled.size > 0) await new Promise<void>((resolve) => this.#settled.add(resolve));
    await this.close();
  }

  async close(): Promise<void> {
    await this.cancel();
    this.#end();
    this.#broker.consumers.delete(this);
  }

  /** As a broker that closes the channel, after which it consumes again. */
  lose(reason: string): void {
    const again = this.active;
    this.#end();
    this.#options.onLost?.(reason);
    this.#options.onState?.(false, reason);
    if (!again) return;
    this.open = true;
    this.#options.onState?.(true, undefined);
    this.#broker.serve();
  }

  deliver(ready: Ready): void {
    const delivery = new FakeDelivery(this, ready);
    this.unsettled.add(delivery);
    this.#options.onDelivery(delivery);
  }

  settle(delivery: FakeDelivery): void {
    this.unsettled.delete(delivery);
    if (this.unsettled.size > 0) return;
    for (const resolve of this.#settled) resolve();
    this.#settled.clear();
  }

  /** All that is not settled goes back, in its order. */
  #end(): void {
    this.open = false;
    const back = [...this.unsettled].reverse();
    this.unsettled.clear();
    for (const delivery of back) delivery.gone();
    for (const resolve of this.#settled) resolve();
  }
}

export class FakeDelivery implements Delivery {
  readonly message: AMQPMessage;
  readonly #consumer: FakeConsumer;
  readonly #ready: Ready;
  readonly trial: Trial | undefined;
  live = true;

  constructor(consumer: FakeConsumer, ready: Ready) {
    this.#consumer = consumer;
    this.#ready = ready;
    const { body, properties, redelivered, exchange } = ready;
    this.trial = consumer.broker.trials.get(body);
    this.message = {
      body: new TextEncoder().encode(body),
      properties,
      redelivered,
      exchange,
      routingKey: consumer.queue,
    } as unknown as AMQPMessage;
  }

  ack(): void {
    if (!this.live) return;
    this.live = false;
    this.#consumer.settle(this);
    this.#consumer.broker.serve();
  }

  requeue(): void {
    if (!this.live) return;
    this.live = false;
    this.#consumer.settle(this);
    this.#consumer.broker.giveBack(this.#consumer.queue, this.#ready);
  }

  gone(): void {
    this.live = false;
    this.#consumer.broker.giveBack(this.#consumer.queue, this.#ready);
  }
}
