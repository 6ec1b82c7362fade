import { Backoff, delay } from "../../base/time/backoff.ts";
import { describeError } from "../../base/errors.ts";
import { deadLetterQueue, type FunctionDefinition } from "../../invocation/definition/definition.ts";
import type { Disposition } from "../../invocation/outcome.ts";
import type { Logger } from "../../base/log.ts";
import { within } from "../../base/time/within.ts";
import type { Connection } from "../client/connection.ts";
import type { Delivery } from "../consuming/consumer.ts";
import { deadLetterForms, isTooLarge, retryForms } from "../message/copy_forms.ts";
import { type FailedDelivery, setAsideProperties } from "../message/headers.ts";
import { DISPATCH_EXCHANGE, retryQueue } from "../message/names.ts";
import type { OutgoingMessage, Publisher } from "./publisher.ts";
import type { Topology } from "../topology/topology.ts";
import { unlessAborted } from "../client/unless_aborted.ts";

/** Copies of failed messages use a channel of their own, which a function's publishes cannot close. */
const CHANNEL = "settle";

/** Milliseconds for the confirm of a message that is set aside. It can return instead. */
const PATIENCE = 5_000;

export interface SettlerOptions {
  /** The connection of the publisher. */
  connection: Connection;
  publisher: Pick<Publisher, "publish">;
  topology: Pick<Topology, "declare" | "declareWayBack" | "declareRung" | "forgetRungs">;
  log: Logger;
  /** Waits between two tries, in milliseconds. @default a timer */
  pause?: (ms: number) => Promise<void>;
}

/**
 * How a delivery was settled: as it was decided; as a dead letter, since its headers leave no room for those of a retry; or
 * not at all, since its channel is gone.
 */
export type Settled = "settled" | "unretried" | "lost";

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

  constructor(options: SettlerOptions) {
    this.#options = options;
    this.#pause = options.pause ?? delay;
  }

  /**
   * Resolves once the delivery is settled, or is beyond settling: its channel is
   * gone, and the broker delivers it again.
   */
  async settle(
    delivery: Delivery,
    disposition: Disposition,
    about: Omit<FailedDelivery, "failure" | "now">,
  ): Promise<Settled> {
    switch (disposition.kind) {
      case "ack":
        delivery.ack();
        return "settled";
      case "requeue":
        delivery.requeue();
        return "settled";
      case "retry":
      case "deadLetter": {
        const failed = { ...about, failure: disposition.failure, now: new Date() };
        return await this.#copyThenAck(delivery, disposition, failed);
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

  async #copyThenAck(delivery: Delivery, disposition: Copying, failed: FailedDelivery): Promise<Settled> {
    const backoff = new Backoff({ initial: 200, max: 15_000 });
    const forms = copiesOf(disposition, failed);
    let copy = forms.next().value!;
    while (delivery.live) {
      try {
        await within(30_000, (signal) => this.#publish(copy, failed.definition, signal));
        const unretried = disposition.kind === "retry" && copy.exchange === "";
        if (unretried) this.#sayUnretried(failed, copy);
        delivery.ack();
        return unretried ? "unretried" : "settled";
      } catch (error) {
        const smaller = isTooLarge(error) ? forms.next().value : undefined;
        if (smaller) copy = smaller;
        else await this.#hold(error, failed, backoff);
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
