import { WarrenError } from "../../base/errors.ts";
import type { Connection } from "../client/connection.ts";
import type { Topology } from "../topology/topology.ts";
import { heldBack } from "./hold_back.ts";
import type { OutgoingMessage } from "./confirms/outgoing_message.ts";
import type { Publisher } from "./publisher.ts";

export interface HeldPublisherOptions {
  /** The connection of the publisher. */
  connection: Pick<Connection, "opened">;
  publisher: Pick<Publisher, "publish">;
  topology: Pick<Topology, "declareRung" | "bindToDispatch" | "forgetRungs">;
}

/** Publishes messages that the broker holds back before their queue gets them. */
export class HeldPublisher {
  readonly #options: HeldPublisherOptions;

  constructor(options: HeldPublisherOptions) {
    this.#options = options;
  }

  /**
   * Resolves once the broker has confirmed the message.
   *
   * @param delay milliseconds, rounded to two significant digits
   * @throws {WarrenError} `unroutable` where there is no such queue, `refused`, or `unavailable`
   */
  async publish(
    message: Omit<OutgoingMessage, "exchange">,
    delay: number,
    options: { channel?: string; signal: AbortSignal },
  ): Promise<void> {
    const { connection, topology } = this.#options;
    const client = await connection.opened(options.signal);
    try {
      await this.#hold(message, delay, options);
    } catch (error) {
      if (!(error instanceof WarrenError) || error.code !== "unroutable") throw error;
      // The queue that holds it back may have been deleted, so it is declared again, once.
      topology.forgetRungs(client);
      await this.#hold(message, delay, options);
    }
  }

  async #hold(
    message: Omit<OutgoingMessage, "exchange">,
    delay: number,
    options: { channel?: string; signal: AbortSignal },
  ): Promise<void> {
    const { connection, publisher, topology } = this.#options;
    const client = await connection.opened(options.signal);
    await publisher.publish(await heldBack(client, topology, message, delay), options);
  }
}
