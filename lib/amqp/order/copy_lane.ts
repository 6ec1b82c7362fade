import type { AMQPMessage, AMQPProperties } from "@cloudamqp/amqp-client";
import { Backoff, delay } from "../../base/time/backoff.ts";
import { describeError } from "../../base/errors.ts";
import { publishFailure } from "../publishing/confirms/publish_error.ts";

/** A delivery on its way into another queue. */
export interface Copy {
  readonly message: AMQPMessage;
  /** Copies with the same key keep their order. */
  readonly key: string;
  readonly properties: AMQPProperties;
}

export interface CopyLaneOptions {
  /** Resolves once the broker has confirmed the copy. */
  publish(copy: Copy): Promise<void>;
  /** Whether the channel is gone. Unconfirmed messages are then delivered again. */
  closed(): boolean;
  /** The copy is confirmed. */
  onDone(copy: Copy): void;
  /** It can never be copied as it is. */
  onImpossible(copy: Copy, error: unknown): void;
  /** The queue refuses messages now, and will be tried again. Called once until it accepts one. */
  onRefused(error: unknown): void;
  /** Ends the lane. Unconfirmed messages stay with the broker. */
  signal: AbortSignal;
  /** @default growing from 200 ms to 15 s */
  backoff?: Backoff;
}

/**
 * Copies deliveries into one queue, in their order.
 *
 * Publishes are pipelined until the broker refuses one, as a queue does that is full. What was sent behind it may have
 * been taken before it: of the same key it is sent once more, after it. From then on one copy is out at a time, and after
 * each refusal there is a growing pause.
 */
export class CopyLane {
  readonly #options: CopyLaneOptions;
  readonly #backoff: Backoff;
  readonly #sent = new Set<Promise<void>>();
  /** Refused, or behind a message that was. */
  readonly #waiting: Copy[] = [];
  #careful = false;
  #refusing = false;
  #pumping = false;

  constructor(options: CopyLaneOptions) {
    this.#options = options;
    this.#backoff = options.backoff ?? new Backoff({ initial: 200, max: 15_000 });
  }

  add(copy: Copy): void {
    if (this.#careful) this.#wait(copy);
    else void this.#track(this.#send(copy));
  }

  /** Resolves once no copy is in flight. Does not wait for paused ones. */
  async settled(): Promise<void> {
    await Promise.all(this.#sent);
  }

  async #track(sending: Promise<void>): Promise<void> {
    this.#sent.add(sending);
    await sending.finally(() => this.#sent.delete(sending));
  }

  async #send(copy: Copy): Promise<void> {
    const { publish, onDone } = this.#options;
    try {
      await publish(copy);
    } catch (error) {
      if (this.#handled(copy, error)) return;
      return this.#wait(copy);
    }
    if (this.#waiting.some((other) => other.key === copy.key && tag(other) < tag(copy))) return this.#wait(copy);
    onDone(copy);
  }

  /** Whether there is nothing to try again. */
  #handled(copy: Copy, error: unknown): boolean {
    const { onImpossible, onRefused, signal } = this.#options;
    if (signal.aborted || this.#options.closed()) return true;
    const failure = publishFailure(error);
    if (failure === "closed") return true;
    if (failure === "impossible") {
      onImpossible(copy, error);
      return true;
    }
    this.#careful = true;
    if (!this.#refusing) onRefused(error);
    this.#refusing = true;
    return false;
  }

  #wait(copy: Copy): void {
    this.#waiting.push(copy);
    this.#waiting.sort((a, b) => tag(a) - tag(b));
    if (!this.#pumping) void this.#pump();
  }

  /** Sends one at a time, until none waits. */
  async #pump(): Promise<void> {
    const { signal } = this.#options;
    this.#pumping = true;
    await this.settled();
    while (this.#waiting.length > 0 && !signal.aborted) {
      if (this.#refusing) await delay(this.#backoff.next(), signal);
      if (!signal.aborted) await this.#track(this.#sendFirst());
    }
    this.#pumping = false;
  }

  async #sendFirst(): Promise<void> {
    const { publish, onDone } = this.#options;
    const copy = this.#waiting.shift()!;
    try {
      await publish(copy);
    } catch (error) {
      if (!this.#handled(copy, error)) this.#waiting.unshift(copy);
      return;
    }
    this.#refusing = false;
    this.#backoff.reset();
    onDone(copy);
  }
}

function tag({ message }: Copy): number {
  return message.deliveryTag;
}

/** The problem, for a log line. */
export function describeRefusal(queue: string, error: unknown): string {
  return `queue "${queue}" takes nothing now, as when it is full: ${
    describeError(error)
  }; trying again with growing pauses`;
}
