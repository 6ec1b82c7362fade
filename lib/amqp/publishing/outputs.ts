import { describeError, WarrenError } from "../../base/errors.ts";
import type { FunctionDefinition } from "../../invocation/definition/definition.ts";
import type { Failure, Outcome, Result } from "../../invocation/outcome.ts";
import { outputId, type Publication } from "../../invocation/publication.ts";
import { assertMayPublish } from "../../invocation/definition/publish_rules.ts";
import { toRung } from "../../invocation/retry_policy.ts";
import type { Invocation } from "../../invocation/sandbox.ts";
import { resultData, writeCloudEvent } from "../../invocation/content/write_cloud_event.ts";
import { within } from "../../base/time/within.ts";
import { retryQueue } from "../message/names.ts";
import type { OutgoingMessage } from "./outgoing_message.ts";
import type { Handled, OnLeft, OutputsOptions } from "./handled.ts";
import { Leaving } from "./leaving.ts";
import { answer, outputMessage } from "./output_message.ts";
import { OutputSender, type Sending } from "./output_sender.ts";

const NONE: readonly Publication[] = [];

/**
 * Publishes what an invocation leaves behind, before its message is acked: outputs, the result, and the answer. What can be
 * sent at once is sent within the turn, and its confirm calls back: nearly everything takes this way, and no promise.
 */
export class Outputs {
  readonly #options: OutputsOptions;
  readonly #sender: OutputSender;
  /** How outputs are sent, by the function that they are of. */
  readonly #sendings = new WeakMap<FunctionDefinition, Sending>();

  constructor(options: OutputsOptions) {
    this.#options = options;
    this.#sender = new OutputSender(options);
  }

  /**
   * Publishes everything, confirmed; waits while the broker cannot take it, as long as the delivery lives. Calls back with
   * a `WarrenError`, `unroutable`, `refused` or `tooLarge`, where the invocation has failed.
   */
  publish<S>(handled: Handled, outcome: Outcome & { kind: "completed" }, onEnd: OnLeft<S>, subject: S): void {
    const { invocation, definition } = handled;
    let all: readonly Publication[];
    try {
      all = this.#allOf(handled, outcome);
    } catch (error) {
      return onEnd(error, subject);
    }
    const reply = invocation.properties.replyTo === undefined ? undefined : answer(invocation, outcome.result);
    const leaving = new Leaving(this.#sender, { handled, reply, onEnd: onEnd as OnLeft<unknown>, subject });
    if (all.length === 0) return leaving.reply();
    leaving.expect(all.length, this.#sendingOf(definition));
    for (let index = 0; index < all.length; index++) {
      const publication = all[index];
      if (publication.delay === 0) leaving.send(outputMessage(invocation, publication, index));
      else leaving.deliver(() => this.#held(invocation, publication, index));
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
    await new Promise((resolve) => {
      new Leaving(this.#sender, { handled, reply, onEnd: resolve, subject: undefined }).reply();
    });
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
