import { Backoff, delay } from "../../base/time/backoff.ts";
import { describeError, WarrenError } from "../../base/errors.ts";
import type { FunctionDefinition } from "../../invocation/definition/definition.ts";
import type { Failure, Outcome, Result } from "../../invocation/outcome.ts";
import { outputId, type Publication } from "../../invocation/publication.ts";
import { assertMayPublish } from "../../invocation/definition/publish_rules.ts";
import { toRung } from "../../invocation/retry_policy.ts";
import type { Invocation } from "../../invocation/sandbox.ts";
import { resultData, writeCloudEvent } from "../../invocation/content/write_cloud_event.ts";
import type { Logger } from "../../base/log.ts";
import { within } from "../../base/time/within.ts";
import type { Connection } from "../client/connection.ts";
import type { Delivery } from "../consuming/consumer.ts";
import { RETRY_PREFIX, retryQueue } from "../message/names.ts";
import type { OutgoingMessage } from "./outgoing_message.ts";
import { answer, outputMessage } from "./output_message.ts";
import type { Publisher } from "./publisher.ts";
import type { Topology } from "../topology/topology.ts";

/** Answers have a channel of their own: a caller that is gone is no fault of the function's. */
const REPLIES = "replies";
const NONE: readonly Publication[] = [];

export interface OutputsOptions {
  connection: Connection;
  publisher: Pick<Publisher, "publish" | "send">;
  topology: Pick<Topology, "declareRung" | "bindToDispatch" | "forgetRungs">;
  log: Logger;
  /** Bytes of a body. */
  maxBody: number;
}

/** A delivery with what is known of it. */
export interface Handled {
  readonly definition: FunctionDefinition;
  readonly invocation: Invocation;
  readonly delivery: Pick<Delivery, "live">;
}

/** Called once, with what went wrong, or with nothing once everything is with the broker. */
export type OnLeft = (error?: unknown) => void;

/** What is published by itself, and how. */
interface Sending {
  readonly channel: string;
  /** Whether it is an error when no queue takes it. */
  readonly mandatory: boolean;
}

const REPLYING: Sending = { channel: REPLIES, mandatory: false };

/**
 * Publishes what an invocation leaves behind, before its message is acked: outputs, the result, and the answer. What can be
 * sent at once is sent within the turn, and its confirm calls back: nearly everything takes this way, and no promise.
 */
export class Outputs {
  readonly #options: OutputsOptions;
  /** How outputs are sent, by the function that they are of. */
  readonly #sendings = new WeakMap<FunctionDefinition, Sending>();

  constructor(options: OutputsOptions) {
    this.#options = options;
  }

  /**
   * Publishes everything, confirmed; waits while the broker cannot take it, as long as the delivery lives. Calls back with
   * a `WarrenError`, `unroutable`, `refused` or `tooLarge`, where the invocation has failed.
   */
  publish(handled: Handled, outcome: Outcome & { kind: "completed" }, onEnd: OnLeft): void {
    const { invocation } = handled;
    const onPublished = invocation.properties.replyTo === undefined ? onEnd : (error?: unknown) => {
      if (error) onEnd(error);
      else this.#reply(handled, answer(invocation, outcome.result), onEnd);
    };
    let all: readonly Publication[];
    try {
      all = this.#allOf(handled, outcome);
    } catch (error) {
      return onEnd(error);
    }
    if (all.length === 0) return onPublished();
    const onEach = all.length === 1 ? onPublished : afterAll(all.length, onPublished);
    const sending = this.#sendingOf(handled.definition);
    for (let index = 0; index < all.length; index++) {
      const publication = all[index];
      if (publication.delay === 0) this.#send(handled, outputMessage(invocation, publication, index), sending, onEach);
      else {this.#deliver(handled, () => this.#held(invocation, publication, index), sending).then(() =>
          onEach(), onEach);}
    }
  }

  /** Tells whoever waits for an answer that there is none. */
  async refuse(handled: Handled, outcome: string, failure: Failure): Promise<void> {
    const { invocation } = handled;
    if (invocation.properties.replyTo === undefined) return;
    const { type, message } = failure;
    const error = { type, message, outcome, attempts: invocation.attempt };
    const body = new TextEncoder().encode(JSON.stringify({ error }));
    const reply = answer(invocation, { body, contentType: "application/json" }, outcome);
    await new Promise<void>((resolve) => this.#reply(handled, reply, () => resolve()));
  }

  /** The outputs, checked, and with what the handler returned where that is one more. @throws {WarrenError} */
  #allOf(handled: Handled, { outputs = NONE, result }: Outcome & { kind: "completed" }): readonly Publication[] {
    const { definition } = handled;
    for (const publication of outputs) assertMayPublish(definition, publication, this.#options.maxBody);
    return definition.output && result ? [...outputs, this.#result(handled, result, outputs.length)] : outputs;
  }

  #sendingOf(definition: FunctionDefinition): Sending {
    let sending = this.#sendings.get(definition);
    if (!sending) {
      sending = { channel: `outputs ${definition.name}`, mandatory: true };
      this.#sendings.set(definition, sending);
    }
    return sending;
  }

  #reply(handled: Handled, message: OutgoingMessage, onEnd: () => void): void {
    this.#send(handled, message, REPLYING, (error) => {
      if (error) {
        this.#options.log.warn(`an answer could not be published: ${describeError(error)}`, {
          function: handled.definition.name,
          messageId: handled.invocation.properties.messageId,
        });
      }
      onEnd();
    });
  }

  /** One message: at once, or as often as it takes. */
  #send(handled: Handled, message: OutgoingMessage, sending: Sending, onEnd: OnLeft): void {
    const again = (failed?: WarrenError) =>
      void this.#deliver(handled, () => message, sending, failed).then(() => onEnd(), onEnd);
    try {
      const onPublished = (error?: WarrenError) => error?.code === "unavailable" ? again(error) : onEnd(error);
      if (!this.#options.publisher.send(message, sending, onPublished)) again();
    } catch (error) {
      if (error instanceof WarrenError && error.code === "unavailable") again(error);
      else queueMicrotask(() => onEnd(error));
    }
  }

  /** One message, as often as it takes. It may have `failed` already. */
  async #deliver(
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

  async #forgetRungs(): Promise<void> {
    const { connection, topology } = this.#options;
    topology.forgetRungs(await within(30_000, (signal) => connection.opened(signal)));
  }

  /** What the handler returned, as one more output. @throws {WarrenError} `refused` or `tooLarge`, for an event */
  #result({ definition, invocation }: Handled, result: Result, index: number): Publication {
    const { exchange = "", routingKey = "", event } = definition.output ?? {};
    const route = { exchange, routingKey, delay: 0 };
    const properties = { deliveryMode: 2, timestamp: new Date() };
    if (!event) {
      const { body, contentType } = result;
      return { ...route, body, headers: {}, properties: { ...properties, contentType } };
    }
    const { maxBody } = this.#options;
    if (result.body.length > maxBody) {
      throw new WarrenError("tooLarge", `data of ${result.body.length} bytes is beyond the limit of ${maxBody}`);
    }
    const messageId = outputId(invocation.properties.messageId, index);
    const { name } = definition;
    try {
      const defaults = { id: messageId, name, headers: invocation.headers };
      const { body, contentType, headers } = writeCloudEvent(event, resultData(result), defaults);
      return { ...route, body, headers, properties: { ...properties, contentType, messageId } };
    } catch (cause) {
      throw new WarrenError("refused", `function "${name}" returned no event: ${describeError(cause)}`, { cause });
    }
  }

  /** A message that waits in a queue with the delay that it is to have. */
  async #held(invocation: Invocation, publication: Publication, index: number): Promise<OutgoingMessage> {
    const { connection, topology } = this.#options;
    const { routingKey, body, properties } = outputMessage(invocation, publication, index);
    const rung = toRung(publication.delay);
    const client = await within(30_000, (signal) => connection.opened(signal));
    await topology.bindToDispatch(client, routingKey);
    await topology.declareRung(client, rung);
    return { exchange: retryQueue(rung), routingKey, body, properties };
  }
}

/** Calls back with the first error, or with nothing once `count` have ended without one. */
function afterAll(count: number, onEnd: OnLeft): OnLeft {
  let left = count;
  return (error) => {
    if (left <= 0) return;
    left = error ? 0 : left - 1;
    if (left === 0) onEnd(error);
  };
}
