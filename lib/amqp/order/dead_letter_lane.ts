import type { AMQPMessage, AMQPProperties } from "@cloudamqp/amqp-client";
import { describeError } from "../../base/errors.ts";
import { deadLetterQueue, type FunctionDefinition } from "../../invocation/definition/definition.ts";
import type { Logger } from "../../base/log.ts";
import { deadLetterForms } from "../message/copy_forms.ts";
import { CopyLane, describeRefusal } from "./copy_lane.ts";
import type { ExclusiveQueue } from "../consuming/exclusive.ts";
import { toInvocation } from "../message/headers.ts";

export interface DeadLetterLaneOptions {
  /** The queue's channel, which has confirms. */
  from: ExclusiveQueue;
  definition: FunctionDefinition;
  log: Logger;
  signal: AbortSignal;
}

/** Dead-letters messages that cannot be kept in order, on the channel that they come from. */
export class DeadLetterLane {
  /** The queue of dead letters. */
  readonly queue: string;
  readonly #options: DeadLetterLaneOptions;
  readonly #lane: CopyLane;
  /** What is tried next if a letter's properties cannot be written. */
  readonly #simpler = new Map<AMQPMessage, AMQPProperties[]>();
  #gone = false;

  constructor(options: DeadLetterLaneOptions) {
    const { from: { channel, acks }, definition, log, signal } = options;
    const queue = this.queue = deadLetterQueue(definition.queue.name);
    this.#options = options;
    this.#lane = new CopyLane({
      publish: async ({ message, properties }) => {
        await channel.basicPublish("", queue, bodyOf(message), properties, true);
      },
      closed: () => channel.closed,
      onDone: ({ message }) => {
        this.#simpler.delete(message);
        if (!this.#gone) acks.ack(message.deliveryTag);
      },
      onImpossible: ({ message }, error) => this.#addSimpler(message, error),
      onRefused: (error) => log.warn(describeRefusal(queue, error)),
      signal,
    });
  }

  /** The queue is gone and took none of the messages in flight. They stay with the broker. */
  returned(): void {
    this.#gone = true;
  }

  /** @param why the reason why it has no place in the order */
  bury(message: AMQPMessage, why: unknown): void {
    const { definition, log } = this.#options;
    const { messageId } = message.properties;
    log.error(`a message cannot be kept in order, and is a dead letter: ${describeError(why)}`, { messageId });
    this.#simpler.set(message, letters(message, definition, why));
    this.#addSimpler(message, why);
  }

  async settled(): Promise<void> {
    await this.#lane.settled();
  }

  #addSimpler(message: AMQPMessage, error: unknown): void {
    const properties = this.#simpler.get(message)?.shift();
    if (properties) return this.#lane.add({ message, key: "", properties });
    this.#options.log.error(`a message can be no dead letter, and stays where it is: ${describeError(error)}`);
  }
}

/** The body of a delivery. The client has none for an empty one. */
export function bodyOf(message: AMQPMessage): Uint8Array {
  return (message.body as Uint8Array | null) ?? new Uint8Array(0);
}

/** The properties of a dead letter: first with everything that the message has, then with less. */
function letters(message: AMQPMessage, definition: FunctionDefinition, why: unknown): AMQPProperties[] {
  const failure = { type: "Uncopiable", message: describeError(why).slice(0, 1_000) };
  const invocation = toInvocation(message, definition);
  return [...deadLetterForms({ definition, invocation, failure, now: new Date() }, "undecodable")];
}
