import { Backoff, delay } from "../backoff.ts";
import { describeError, WarrenError } from "../errors.ts";
import { deadLetterQueue } from "../invocation/definition.ts";
import type { Disposition } from "../invocation/outcome.ts";
import type { Logger } from "../log.ts";
import { within } from "../within.ts";
import type { Connection } from "./connection.ts";
import type { Delivery } from "./consumer.ts";
import { deadLetterProperties, type FailedDelivery, retryProperties, setAsideProperties } from "./headers.ts";
import { DISPATCH_EXCHANGE, retryQueue } from "./names.ts";
import type { OutgoingMessage, Publisher } from "./publisher.ts";
import type { Topology } from "./topology.ts";

/** Copies of failed messages have a channel of their own: nothing that a function publishes can close it. */
const CHANNEL = "settle";

/** Milliseconds for the confirm of a copy that only goes aside: it can as well go back. */
const PATIENCE = 5_000;

export interface SettlerOptions {
  /** The connection that the publisher publishes on. */
  connection: Connection;
  publisher: Pick<Publisher, "publish">;
  topology: Pick<Topology, "declare" | "declareRung" | "forgetRungs">;
  log: Logger;
  /** Waits between two tries, in milliseconds. @default a timer */
  pause?: (ms: number) => Promise<void>;
}

/** A disposition that leaves a copy of the message behind. */
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
  ): Promise<void> {
    switch (disposition.kind) {
      case "ack":
        return delivery.ack();
      case "requeue":
        return delivery.requeue();
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

  async #copyThenAck(delivery: Delivery, disposition: Copying, failed: FailedDelivery): Promise<void> {
    const backoff = new Backoff({ initial: 200, max: 15_000 });
    const { connection, log } = this.#options;
    while (delivery.live) {
      try {
        await this.#publish(disposition, failed);
        return delivery.ack();
      } catch (error) {
        log.warn(`a message is held until its copy is with the broker: ${describeError(error)}`, {
          function: failed.definition.name,
          messageId: failed.invocation.properties.messageId,
        });
        if (error instanceof WarrenError && error.code === "refused" && failed.failure.stack) {
          // Headers that do not fit into a frame: the stack is the first that can be spared.
          failed = { ...failed, failure: { ...failed.failure, stack: undefined } };
        }
        if (connection.state.connected) await this.#declareAgain(failed);
        await this.#pause(backoff.next());
      }
    }
  }

  async #publish(disposition: Copying, failed: FailedDelivery): Promise<void> {
    await within(30_000, async (signal) => {
      const copy = await this.#copy(disposition, failed, signal);
      await this.#options.publisher.publish(copy, { channel: CHANNEL, signal });
    });
  }

  async #copy(disposition: Copying, failed: FailedDelivery, signal: AbortSignal): Promise<OutgoingMessage> {
    const { body } = failed.invocation;
    const { name } = failed.definition.queue;
    if (disposition.kind === "deadLetter") {
      const properties = deadLetterProperties(failed, disposition.reason);
      return { exchange: "", routingKey: deadLetterQueue(name), body, properties };
    }
    const properties = retryProperties(failed, disposition.attempt);
    if (disposition.delay === 0) return { exchange: DISPATCH_EXCHANGE, routingKey: name, body, properties };
    const { connection, topology } = this.#options;
    await topology.declareRung(await connection.opened(signal), disposition.delay);
    return { exchange: retryQueue(disposition.delay), routingKey: name, body, properties };
  }

  /** The queue that should take the copy may have been deleted. */
  async #declareAgain(failed: FailedDelivery): Promise<void> {
    const { connection, topology, log } = this.#options;
    try {
      const client = await connection.opened(AbortSignal.timeout(5000));
      topology.forgetRungs(client);
      await topology.declare(client, failed.definition);
    } catch (error) {
      log.debug(`declaring again failed: ${describeError(error)}`);
    }
  }
}
