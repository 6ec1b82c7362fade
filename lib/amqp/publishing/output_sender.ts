import { Backoff, delay } from "../../base/time/backoff.ts";
import { describeError, WarrenError } from "../../base/errors.ts";
import { within } from "../../base/time/within.ts";
import { RETRY_PREFIX } from "../message/names.ts";
import type { PublishSink } from "./confirms/confirm_channel.ts";
import type { OutgoingMessage } from "./confirms/outgoing_message.ts";
import type { Handled, OutputsOptions } from "./handled.ts";

/** What messages of one kind are published on. */
export interface Sending {
  readonly channel: string;
  /** Whether it is an error when no queue takes it. */
  readonly mandatory: boolean;
}

/** Publishes one message that an invocation leaves, as often as it takes. */
export class OutputSender {
  readonly #options: OutputsOptions;

  constructor(options: OutputsOptions) {
    this.#options = options;
  }

  /** False where something is to be waited for. @throws {WarrenError} where it could not be sent */
  send(message: OutgoingMessage, sending: Sending, sink: PublishSink): boolean {
    return this.#options.publisher.send(message, sending, sink);
  }

  /** One message, as often as it takes. It may have `failed` already. */
  async deliver(
    handled: Handled,
    make: () => OutgoingMessage | Promise<OutgoingMessage>,
    { channel, mandatory }: Sending,
    failed?: WarrenError,
  ): Promise<void> {
    const backoff = new Backoff({ initial: 200, max: 15_000 });
    let forgotten = false;
    for (let problem: unknown = failed; handled.delivery.live;) {
      if (problem !== undefined) {
        this.#sayHeld(handled, problem);
        await delay(backoff.next());
        problem = undefined;
        continue;
      }
      let held = false;
      try {
        const made = make();
        const message = made instanceof Promise ? await made : made;
        held = message.exchange.startsWith(RETRY_PREFIX);
        const { publisher } = this.#options;
        return await within(30_000, (signal) => publisher.publish(message, { channel, mandatory, signal }));
      } catch (error) {
        if (!(error instanceof WarrenError) || error.code === "unavailable") problem = error;
        // The queue that was to hold it back may have been deleted: it is declared again, once.
        else if (forgotten || !held) throw error;
        else {
          forgotten = true;
          await this.#forgetRungs();
        }
      }
    }
  }

  #sayHeld({ definition, invocation }: Handled, error: unknown): void {
    this.#options.log.warn(`a message is held until what it left is with the broker: ${describeError(error)}`, {
      function: definition.name,
      messageId: invocation.properties.messageId,
    });
  }

  /** Gives an answer to a caller of this runner that waits for it. False if there is none. */
  handOver(reply: OutgoingMessage): boolean {
    return this.#options.replies.take(reply);
  }

  sayUnanswered({ definition, invocation }: Handled, error: unknown): void {
    this.#options.log.warn(`an answer could not be published: ${describeError(error)}`, {
      function: definition.name,
      messageId: invocation.properties.messageId,
    });
  }

  async #forgetRungs(): Promise<void> {
    const { connection, topology } = this.#options;
    topology.forgetRungs(await within(30_000, (signal) => connection.opened(signal)));
  }
}
