import { WarrenError } from "../../base/errors.ts";
import type { PublishSink } from "./confirms/confirm_channel.ts";
import type { OutgoingMessage } from "./confirms/outgoing_message.ts";
import type { OutputSender, Sending } from "./output_sender.ts";
import type { Handled, OnLeft } from "./handled.ts";

/** Answers have a channel of their own: a caller that is gone is no fault of the function's. */
const REPLYING: Sending = { channel: "replies", mandatory: false };

export interface LeavingOptions {
  readonly handled: Handled;
  /** The message ids of its outputs. */
  readonly ids: readonly string[];
  /** Goes last. */
  readonly reply: OutgoingMessage | undefined;
  readonly onEnd: OnLeft<unknown>;
  readonly subject: unknown;
}

/** What one invocation leaves, on its way: first its outputs, and then its answer. */
export class Leaving implements PublishSink {
  readonly #sender: OutputSender;
  readonly #options: LeavingOptions;
  #sending = REPLYING;
  /** Messages that are not with the broker. */
  #left = 0;

  constructor(sender: OutputSender, options: LeavingOptions) {
    this.#sender = sender;
    this.#options = options;
  }

  /** So many messages are about to be sent. */
  expect(count: number, sending: Sending): void {
    this.#left = count;
    this.#sending = sending;
  }

  /** At once, or as often as it takes. */
  send(message: OutgoingMessage): void {
    try {
      if (!this.#sender.send(message, this.#sending, this)) this.#again(message);
    } catch (error) {
      if (error instanceof WarrenError && error.code === "unavailable") this.#again(message, error);
      else queueMicrotask(() => this.#sent(error));
    }
  }

  /** What has to be made first. */
  deliver(make: () => Promise<OutgoingMessage>): void {
    this.#wait(this.#sender.deliver(this.#options.handled, make, this.#sending));
  }

  /** The answer, if somebody waits for one, and the end. */
  reply(): void {
    const { reply, onEnd, subject, ids } = this.#options;
    if (!reply || this.#sender.handOver(reply)) return onEnd(undefined, subject, ids);
    this.expect(1, REPLYING);
    this.send(reply);
  }

  published(message: OutgoingMessage, error: WarrenError | undefined): void {
    if (error?.code === "unavailable") this.#again(message, error);
    else this.#sent(error);
  }

  #again(message: OutgoingMessage, failed?: WarrenError): void {
    this.#wait(this.#sender.deliver(this.#options.handled, () => message, this.#sending, failed));
  }

  #wait(sent: Promise<void>): void {
    sent.then(() => this.#sent(undefined), (error) => this.#sent(error));
  }

  /** The first error is the end of it, whatever becomes of the others. */
  #sent(error: unknown): void {
    const { handled, ids, onEnd, subject } = this.#options;
    if (this.#left === 0) return;
    if (this.#sending === REPLYING) {
      this.#left = 0;
      if (error !== undefined) this.#sender.sayUnanswered(handled, error);
      onEnd(undefined, subject, ids);
    } else if (error !== undefined) {
      this.#left = 0;
      onEnd(error, subject, ids);
    } else if (--this.#left === 0) this.reply();
  }
}
