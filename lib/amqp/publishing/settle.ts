import { Backoff, delay } from "../../base/time/backoff.ts";
import { describeError, type WarrenError } from "../../base/errors.ts";
import { deadLetterQueue, type FunctionDefinition } from "../../invocation/definition/definition.ts";
import type { Disposition } from "../../invocation/outcome.ts";
import type { Logger } from "../../base/log.ts";
import { within } from "../../base/time/within.ts";
import type { Connection } from "../client/connection.ts";
import type { Delivery } from "../consuming/consumer.ts";
import { deadLetterForms, isTooLarge, retryForms } from "../message/copy_forms.ts";
import { type FailedDelivery, setAsideProperties } from "../message/headers.ts";
import { DISPATCH_EXCHANGE, retryQueue } from "../message/names.ts";
import type { PublishSink } from "./confirms/confirm_channel.ts";
import type { OutgoingMessage } from "./confirms/outgoing_message.ts";
import type { Publisher } from "./publisher.ts";
import type { Topology } from "../topology/topology.ts";
import { unlessAborted } from "../client/unless_aborted.ts";

/** Copies of failed messages use a channel of their own, which a function's publishes cannot close. */
const CHANNEL = "settle";
const SENDING = { channel: CHANNEL };

/** Milliseconds for the confirm of a message that is set aside. It can return instead. */
const PATIENCE = 5_000;

export interface SettlerOptions {
  /** The connection of the publisher. */
  connection: Connection;
  publisher: Pick<Publisher, "publish" | "send">;
  topology: Pick<Topology, "declare" | "declareWayBack" | "declareRung" | "forgetRungs" | "holds">;
  log: Logger;
  /** Waits between two tries, in milliseconds. @default a timer */
  pause?: (ms: number) => Promise<void>;
}

/**
 * How a delivery was settled: as it was decided; as a dead letter, since its headers leave no room for those of a retry; or
 * not at all, since its channel is gone.
 */
export type Settled = "settled" | "unretried" | "lost";

/** Called with the subject, and with how it was settled unless there is an error. */
export type OnSettled<S> = (error: unknown, subject: S, settled: Settled) => void;

/** A disposition that publishes a copy of the message. */
type Copying = Disposition & { kind: "retry" | "deadLetter" };

/**
 * Does to a delivery what was decided. A retry and a dead letter are published,
 * confirmed, and only then is the delivery acked: a crash in between runs the
 * message twice and never loses it.
 */
export class Settler {
  readonly #options: SettlerOptions;
  readonly #pause: (ms: number) => Promise<void>;
  readonly #onFailed = (settling: Settling, error?: unknown) => settling.endWith(this.#copySlowly(settling, error));

  constructor(options: SettlerOptions) {
    this.#options = options;
    this.#pause = options.pause ?? delay;
  }

  /**
   * Calls back once the delivery is settled, or is beyond settling: its channel is gone, and the broker delivers it again.
   * Calls back with an error where it could not even be tried: then the delivery is as it was.
   */
  settle<S>(
    delivery: Delivery,
    disposition: Disposition,
    about: Omit<FailedDelivery, "failure" | "now">,
    onEnd: OnSettled<S>,
    subject: S,
  ): void {
    switch (disposition.kind) {
      case "ack":
        delivery.ack();
        return onEnd(undefined, subject, "settled");
      case "requeue":
        delivery.requeue();
        return onEnd(undefined, subject, "settled");
      case "retry":
      case "deadLetter": {
        const { definition, invocation } = about;
        const failed = { definition, invocation, failure: disposition.failure, now: new Date() };
        return this.#copyThenAck(new Settling(delivery, disposition, failed, onEnd as OnSettled<unknown>, subject));
      }
    }
  }

  /**
   * Settles a delivery with a copy at the end of its own queue, as the same attempt. False where the broker does not take
   * it: the delivery is as it was.
   */
  async setAside(delivery: Delivery, about: Omit<FailedDelivery, "failure" | "now">): Promise<boolean> {
    if (!delivery.live) return false;
    const { publisher, log } = this.#options;
    const { body } = about.invocation;
    const { name } = about.definition.queue;
    const copy = { exchange: DISPATCH_EXCHANGE, routingKey: name, body, properties: setAsideProperties(about) };
    try {
      await publisher.publish(copy, { channel: CHANNEL, signal: AbortSignal.timeout(PATIENCE) });
    } catch (error) {
      log.warn(`a message could not be set aside: ${describeError(error)}`, { function: about.definition.name });
      return false;
    }
    delivery.ack();
    return true;
  }

  /** At once where nothing has to be declared, or waited for; that is nearly always so. */
  #copyThenAck(settling: Settling): void {
    const { delivery, disposition, failed } = settling;
    const { delay, ...copy } = copiesOf(disposition, failed).next().value!;
    if (!delivery.live || !this.#isDeclared(copy, failed.definition, delay)) return this.#onFailed(settling);
    settling.onFailed = this.#onFailed;
    try {
      if (!this.#options.publisher.send(copy, SENDING, settling)) this.#onFailed(settling);
    } catch (error) {
      this.#onFailed(settling, error);
    }
  }

  #isDeclared({ exchange }: OutgoingMessage, { queue }: FunctionDefinition, delay: number): boolean {
    if (exchange === "") return true;
    const { connection: { ready }, topology } = this.#options;
    return ready !== undefined && topology.holds(ready, queue.name, delay);
  }

  /** As often as it takes. The first copy may have `failed` already. */
  async #copySlowly({ delivery, disposition, failed }: Settling, problem?: unknown): Promise<Settled> {
    const backoff = new Backoff({ initial: 200, max: 15_000 });
    const forms = copiesOf(disposition, failed);
    let copy = forms.next().value!;
    for (let error: unknown = problem; delivery.live;) {
      if (error !== undefined) {
        const smaller = isTooLarge(error) ? forms.next().value : undefined;
        if (smaller) copy = smaller;
        else await this.#hold(error, failed, backoff);
        error = undefined;
        continue;
      }
      try {
        await within(30_000, (signal) => this.#publish(copy, failed.definition, signal));
        const unretried = disposition.kind === "retry" && copy.exchange === "";
        if (unretried) this.#sayUnretried(failed, copy);
        delivery.ack();
        return unretried ? "unretried" : "settled";
      } catch (caught) {
        error = caught;
      }
    }
    return "lost";
  }

  #sayUnretried({ definition, invocation }: FailedDelivery, { routingKey }: Copy): void {
    this.#options.log.warn("not tried again: its headers leave no room in a frame for those of a retry", {
      function: definition.name,
      messageId: invocation.properties.messageId,
      deadLetter: routingKey,
    });
  }

  /** A message that the broker does not accept now keeps its place. The delay before each try grows. */
  async #hold(error: unknown, failed: FailedDelivery, backoff: Backoff): Promise<void> {
    const { connection, log } = this.#options;
    log.warn(`a message is held until its copy is with the broker: ${describeError(error)}`, {
      function: failed.definition.name,
      messageId: failed.invocation.properties.messageId,
    });
    if (connection.state.connected) await this.#declareAgain(failed);
    await this.#pause(backoff.next());
  }

  async #publish({ delay, ...copy }: Copy, definition: FunctionDefinition, signal: AbortSignal): Promise<void> {
    const { connection, topology, publisher } = this.#options;
    // A delayed message without a way back to its queue would end among the orphans.
    if (copy.exchange !== "") {
      const client = await connection.opened(signal);
      const late = () => `the broker has not declared in time what a retry needs`;
      await unlessAborted(topology.declareWayBack(client, definition), signal, late);
      if (delay > 0) await unlessAborted(topology.declareRung(client, delay), signal, late);
    }
    await publisher.publish(copy, { channel: CHANNEL, signal });
  }

  /** The queue for the copy may have been deleted. */
  async #declareAgain(failed: FailedDelivery): Promise<void> {
    const { connection, topology, log } = this.#options;
    try {
      const client = await connection.opened(AbortSignal.timeout(5000));
      topology.forgetRungs(client);
      await within(30_000, (signal) => topology.declare(client, failed.definition, { signal }));
    } catch (error) {
      log.debug(`declaring again failed: ${describeError(error)}`);
    }
  }
}

/** A delivery whose copy is on its way. */
class Settling implements PublishSink {
  readonly delivery: Delivery;
  readonly disposition: Copying;
  readonly failed: FailedDelivery;
  readonly #onEnd: OnSettled<unknown>;
  readonly #subject: unknown;
  onFailed: ((settling: Settling, error: WarrenError) => void) | undefined;

  constructor(
    delivery: Delivery,
    disposition: Copying,
    failed: FailedDelivery,
    onEnd: OnSettled<unknown>,
    subject: unknown,
  ) {
    this.delivery = delivery;
    this.disposition = disposition;
    this.failed = failed;
    this.#onEnd = onEnd;
    this.#subject = subject;
    this.onFailed = undefined;
  }

  published(_copy: OutgoingMessage, error: WarrenError | undefined): void {
    if (error) return this.onFailed?.(this, error);
    this.delivery.ack();
    this.#onEnd(undefined, this.#subject, "settled");
  }

  endWith(settling: Promise<Settled>): void {
    settling.then(
      (settled) => this.#onEnd(undefined, this.#subject, settled),
      (error) => this.#onEnd(error, this.#subject, "lost"),
    );
  }
}

/** A copy in flight, and its delay in milliseconds. */
type Copy = OutgoingMessage & { delay: number };

/** Tries the full copy first, then smaller ones. If its headers leave no room for a retry, it is a dead letter. */
function* copiesOf(disposition: Copying, failed: FailedDelivery): Generator<Copy, undefined> {
  const { body } = failed.invocation;
  const { name } = failed.definition.queue;
  if (disposition.kind === "retry") {
    const { delay, attempt } = disposition;
    const exchange = delay === 0 ? DISPATCH_EXCHANGE : retryQueue(delay);
    for (const properties of retryForms(failed, attempt)) yield { exchange, routingKey: name, body, properties, delay };
  }
  const [reason, last] = disposition.kind === "retry" ? ["failed", unretried(failed)] : [disposition.reason, failed];
  for (const properties of deadLetterForms(last, reason)) {
    yield { exchange: "", routingKey: deadLetterQueue(name), body, properties, delay: 0 };
  }
}

function unretried(failed: FailedDelivery): FailedDelivery {
  const { failure } = failed;
  const message = `${failure.message} (not tried again: its headers leave no room in a frame for those of a retry)`;
  return { ...failed, failure: { ...failure, message } };
}
