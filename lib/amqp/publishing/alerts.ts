import type { AMQPProperties } from "@cloudamqp/amqp-client";
import { describeError, WarrenError } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import { Backoff, delay } from "../../base/time/backoff.ts";
import { within } from "../../base/time/within.ts";
import type { FunctionDefinition } from "../../invocation/definition/definition.ts";
import type { Failure } from "../../invocation/outcome.ts";
import { isMessageId } from "../../invocation/publication.ts";
import type { Invocation } from "../../invocation/sandbox.ts";
import type { Delivery } from "../consuming/consumer.ts";
import { deadLetterForms, isTooLarge } from "../message/copy_forms.ts";
import { HEADERS } from "../message/names.ts";
import type { Publisher } from "./publisher.ts";

export interface AlertsOptions {
  publisher: Pick<Publisher, "publish">;
  log: Logger;
  /** Waits between two tries, in milliseconds. @default a timer */
  pause?: (ms: number) => Promise<void>;
}

/** What becomes a dead letter. */
export interface Dying {
  readonly definition: FunctionDefinition;
  readonly invocation: Invocation;
  readonly delivery: Pick<Delivery, "live">;
  readonly reason: string;
  readonly failure: Failure;
}

/** A channel of its own: a missing queue is not the fault of other functions. */
const CHANNEL = "alerts";
/** What says how a delivery is to be handled, and would do so to the copy. */
const NOT_COPIED = [HEADERS.attempt, HEADERS.partition, HEADERS.redriven, HEADERS.malformed];

/** Sends dead letters to the queue that the function's `onDead` names, too. */
export class Alerts {
  readonly #options: AlertsOptions;

  constructor(options: AlertsOptions) {
    this.#options = options;
  }

  /**
   * Publishes the copy before the dead letter itself is, and waits for the confirm, as long as the delivery lives. What is an
   * alert itself is not sent on, so that no alert gives rise to another. If no queue takes it, that is logged: the dead letter
   * is there.
   */
  async publish({ definition, invocation, delivery, reason, failure }: Dying): Promise<void> {
    const { onDead } = definition;
    if (onDead === undefined || invocation.headers[HEADERS.alert] !== undefined) return;
    const forms = deadLetterForms({ definition, invocation, failure, now: new Date() }, reason);
    const backoff = new Backoff({ initial: 200, max: 15_000 });
    let form = forms.next().value as AMQPProperties;
    const { publisher, log, pause = delay } = this.#options;
    const about = { function: definition.name, messageId: invocation.properties.messageId };
    while (delivery.live) {
      try {
        const properties = alertOf(form, definition.name, invocation.properties.messageId);
        const message = { exchange: "", routingKey: onDead, body: invocation.body, properties };
        return await within(30_000, (signal) => publisher.publish(message, { channel: CHANNEL, signal }));
      } catch (error) {
        const smaller = isTooLarge(error) ? forms.next().value : undefined;
        if (smaller) form = smaller;
        else if (error instanceof WarrenError && error.code !== "unavailable") {
          return log.error(
            `a dead letter could not be sent to "${onDead}", as onDead says: ${describeError(error)}`,
            about,
          );
        } else {
          log.warn(`a message is held until its alert is with the broker: ${describeError(error)}`, about);
          await pause(backoff.next());
        }
      }
    }
  }
}

/** The dead letter as a new message: its first attempt, with an id that is the same whenever it is made. */
function alertOf(form: AMQPProperties, name: string, messageId: string | undefined): AMQPProperties {
  const headers = Object.fromEntries(
    Object.entries(form.headers ?? {}).filter(([header]) => !(NOT_COPIED as string[]).includes(header)),
  );
  headers[HEADERS.alert] = name;
  if (messageId) headers[HEADERS.parent] = messageId;
  const id = `${messageId}/dead`;
  const { replyTo: _, ...properties } = form;
  return { ...properties, messageId: messageId && isMessageId(id) ? id : crypto.randomUUID(), headers };
}
