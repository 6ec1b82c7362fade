import type { FunctionDefinition } from "../../invocation/definition/definition.ts";
import type { Failure, Outcome } from "../../invocation/outcome.ts";
import { outputId, type Publication } from "../../invocation/publication.ts";
import { assertMayPublish } from "../../invocation/definition/publish_rules.ts";
import { resultPublication } from "../../invocation/result_publication.ts";
import type { Invocation } from "../../invocation/sandbox.ts";
import { within } from "../../base/time/within.ts";
import { heldBack } from "./hold_back.ts";
import type { OutgoingMessage } from "./confirms/outgoing_message.ts";
import type { Handled, OnLeft, OutputsOptions } from "./handled.ts";
import { Leaving } from "./leaving.ts";
import { answer, outputMessage } from "./output_message.ts";
import { OutputSender, type Sending } from "./output_sender.ts";

const NONE: readonly Publication[] = [];

/**
 * Publishes the results of an invocation before its message is acked: outputs, return value and answer. Usually they are
 * sent within the turn, and their confirms call back, without a promise.
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
   * the message ids of the outputs, in their order, or with a `WarrenError`, `unroutable`, `refused` or `tooLarge`: the
   * invocation has failed.
   */
  publish<S>(handled: Handled, outcome: Outcome & { kind: "completed" }, onEnd: OnLeft<S>, subject: S): void {
    const { invocation, definition } = handled;
    let all: readonly Publication[];
    try {
      all = this.#allOf(handled, outcome);
    } catch (error) {
      return onEnd(error, subject, []);
    }
    const reply = invocation.properties.replyTo === undefined ? undefined : answer(invocation, outcome.result);
    const ids = idsOf(all, invocation);
    const leaving = new Leaving(this.#sender, { handled, ids, reply, onEnd: onEnd as OnLeft<unknown>, subject });
    if (all.length === 0) return leaving.reply();
    leaving.expect(all.length, this.#sendingOf(definition));
    for (let index = 0; index < all.length; index++) {
      const publication = all[index];
      if (publication.delay === 0) leaving.send(outputMessage(invocation, publication, ids[index]));
      else this.#leaveLater(leaving, handled, publication, ids[index]);
    }
  }

  #leaveLater(leaving: Leaving, handled: Handled, publication: Publication, messageId: string): void {
    leaving.deliver(() => this.#held(handled, publication, messageId));
  }

  /** Tells a waiting caller that there is no result. */
  async refuse(handled: Handled, outcome: string, failure: Failure): Promise<void> {
    const { invocation } = handled;
    if (invocation.properties.replyTo === undefined) return;
    const { type, message } = failure;
    const error = { type, message, outcome, attempts: invocation.attempt };
    const body = new TextEncoder().encode(JSON.stringify({ error }));
    const reply = answer(invocation, { body, contentType: "application/json" }, outcome);
    await new Promise((resolve) => {
      new Leaving(this.#sender, { handled, ids: [], reply, onEnd: resolve, subject: undefined }).reply();
    });
  }

  /** The outputs, checked, and with what the handler returned where that is one more. @throws {WarrenError} */
  #allOf(handled: Handled, { outputs = NONE, result }: Outcome & { kind: "completed" }): readonly Publication[] {
    const { definition, invocation } = handled;
    const { maxBody } = this.#options;
    for (const publication of outputs) assertMayPublish(definition, publication, maxBody);
    if (!definition.output || !result) return outputs;
    return [...outputs, resultPublication(definition, invocation, result, { index: outputs.length, maxBody })];
  }

  #sendingOf(definition: FunctionDefinition): Sending {
    let sending = this.#sendings.get(definition);
    if (!sending) {
      sending = { channel: `outputs ${definition.name}`, mandatory: true };
      this.#sendings.set(definition, sending);
    }
    return sending;
  }

  /** A message for the queue that holds it for its delay. */
  async #held(handled: Handled, publication: Publication, messageId: string): Promise<OutgoingMessage> {
    const { connection, topology } = this.#options;
    const { routingKey, body, properties } = outputMessage(handled.invocation, publication, messageId);
    const client = await within(30_000, (signal) => connection.opened(signal));
    return await heldBack(client, topology, { routingKey, body, properties }, publication.delay);
  }
}

/** The message ids of all that an invocation publishes. */
function idsOf(all: readonly Publication[], { properties: { messageId } }: Invocation): string[] {
  return all.map(({ properties }, index) => properties.messageId ?? outputId(messageId, index));
}
