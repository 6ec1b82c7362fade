import type { AMQPProperties } from "@cloudamqp/amqp-client";
import { Backoff, delay } from "../../base/time/backoff.ts";
import { describeError, WarrenError } from "../../base/errors.ts";
import type { FunctionDefinition } from "../../invocation/definition/definition.ts";
import type { Failure, Outcome, Result } from "../../invocation/outcome.ts";
import { outputId, type Publication } from "../../invocation/publication.ts";
import { assertMayPublish } from "../../invocation/definition/publish_rules.ts";
import { resultPublication } from "../../invocation/result_publication.ts";
import { toRung } from "../../invocation/retry_policy.ts";
import type { Invocation } from "../../invocation/sandbox.ts";
import { childTrace, readTrace } from "../../invocation/trace_context.ts";
import type { Logger } from "../../base/log.ts";
import { within } from "../../base/time/within.ts";
import type { Connection } from "../client/connection.ts";
import type { Delivery } from "../consuming/consumer.ts";
import { keepReceived } from "../message/content_header.ts";
import { HEADERS, RETRY_PREFIX, retryQueue } from "../message/names.ts";
import type { OutgoingMessage, Publisher } from "./publisher.ts";
import type { Replies } from "./replies.ts";
import type { Topology } from "../topology/topology.ts";

/** Answers use a channel of their own: a missing caller is not the function's fault. */
const REPLIES = "replies";

export interface OutputsOptions {
  connection: Connection;
  publisher: Pick<Publisher, "publish">;
  topology: Pick<Topology, "declareRung" | "bindToDispatch" | "forgetRungs">;
  /** Those of this runner who wait for an answer. */
  replies: Pick<Replies, "take">;
  log: Logger;
  /** Largest body in bytes. */
  maxBody: number;
}

/** A delivery, with its context. */
export interface Handled {
  readonly definition: FunctionDefinition;
  readonly invocation: Invocation;
  readonly delivery: Pick<Delivery, "live">;
}

/** Publishes the results of an invocation before its message is acked: outputs, return value and answer. */
export class Outputs {
  readonly #options: OutputsOptions;

  constructor(options: OutputsOptions) {
    this.#options = options;
  }

  /**
   * Publishes everything, confirmed; waits while the broker cannot take it, as long as the delivery lives.
   *
   * @returns the message ids of the outputs, in their order
   * @throws {WarrenError} `unroutable`, `refused` or `tooLarge`: the invocation has failed
   */
  async publish(
    handled: Handled,
    { outputs = [], result }: Outcome & { kind: "completed" },
  ): Promise<readonly string[]> {
    const { definition, invocation } = handled;
    const { output } = definition;
    const { maxBody } = this.#options;
    for (const publication of outputs) assertMayPublish(definition, publication, maxBody);
    const all = output && result
      ? [...outputs, resultPublication(definition, invocation, result, { index: outputs.length, maxBody })]
      : outputs;
    const channel = `outputs ${definition.name}`;
    const ids = all.map(({ properties }, index) => {
      return properties.messageId ?? outputId(invocation.properties.messageId, index);
    });
    const deliver = (publication: Publication, index: number) =>
      this.#deliver(handled, () => this.#message(invocation, publication, ids[index]), channel);
    if (all.length === 1) await deliver(all[0], 0);
    else await Promise.all(all.map(deliver));
    if (invocation.properties.replyTo !== undefined) await this.#reply(handled, answer(invocation, result));
    return ids;
  }

  /** Tells a waiting caller that there is no result. */
  async refuse(handled: Handled, outcome: string, failure: Failure): Promise<void> {
    const { invocation } = handled;
    if (invocation.properties.replyTo === undefined) return;
    const { type, message } = failure;
    const error = { type, message, outcome, attempts: invocation.attempt };
    const body = new TextEncoder().encode(JSON.stringify({ error }));
    await this.#reply(handled, answer(invocation, { body, contentType: "application/json" }, outcome));
  }

  async #reply(handled: Handled, message: OutgoingMessage): Promise<void> {
    if (this.#options.replies.take(message)) return;
    try {
      await this.#deliver(handled, () => message, REPLIES, false);
    } catch (error) {
      this.#options.log.warn(`an answer could not be published: ${describeError(error)}`, {
        function: handled.definition.name,
        messageId: handled.invocation.properties.messageId,
      });
    }
  }

  /** Publishes one message, with as many tries as it takes. */
  async #deliver(
    { delivery, definition, invocation }: Handled,
    make: () => OutgoingMessage | Promise<OutgoingMessage>,
    channel: string,
    mandatory = true,
  ): Promise<void> {
    let backoff: Backoff | undefined;
    let forgotten = false;
    while (delivery.live) {
      let held = false;
      try {
        const made = make();
        const message = made instanceof Promise ? await made : made;
        held = message.exchange.startsWith(RETRY_PREFIX);
        const { publisher } = this.#options;
        return await within(30_000, (signal) => publisher.publish(message, { channel, mandatory, signal }));
      } catch (error) {
        if (error instanceof WarrenError && error.code !== "unavailable") {
          // The delay queue may have been deleted, so it is declared again, once.
          if (forgotten || !held) throw error;
          forgotten = true;
          await this.#forgetRungs();
          continue;
        }
        this.#options.log.warn(`a message is held until what it left is with the broker: ${describeError(error)}`, {
          function: definition.name,
          messageId: invocation.properties.messageId,
        });
        backoff ??= new Backoff({ initial: 200, max: 15_000 });
        await delay(backoff.next());
      }
    }
  }

  async #forgetRungs(): Promise<void> {
    const { connection, topology } = this.#options;
    topology.forgetRungs(await within(30_000, (signal) => connection.opened(signal)));
  }

  #message(
    invocation: Invocation,
    publication: Publication,
    messageId: string,
  ): OutgoingMessage | Promise<OutgoingMessage> {
    const { exchange, routingKey, body, headers, delay: held } = publication;
    const properties = {
      ...publication.properties,
      messageId,
      headers: headersOf(invocation, headers),
    };
    if (held === 0) return { exchange, routingKey, body, properties };
    return this.#heldBack({ routingKey, body, properties }, toRung(held));
  }

  async #heldBack(message: Omit<OutgoingMessage, "exchange">, rung: number): Promise<OutgoingMessage> {
    const { connection, topology } = this.#options;
    const client = await within(30_000, (signal) => connection.opened(signal));
    await topology.bindToDispatch(client, message.routingKey);
    await topology.declareRung(client, rung);
    return { exchange: retryQueue(rung), ...message };
  }
}

function answer(
  { properties, headers }: Invocation,
  result: Result | undefined,
  outcome = "completed",
): OutgoingMessage {
  const { replyTo, correlationId, messageId } = properties;
  const answered = {
    contentType: result?.contentType,
    correlationId: correlationId ?? messageId,
    timestamp: new Date(),
    headers: { ...traceOf({ headers }), [HEADERS.outcome]: outcome },
  };
  return {
    exchange: "",
    routingKey: replyTo!,
    body: result?.body ?? new Uint8Array(0),
    // Some callers use correlation ids that are bytes and no text.
    properties: keepReceived(answered, properties),
  };
}

/**
 * The handler's own headers, with the trace and the message that gave rise to it. A handler may pass on the headers that it
 * got, and those name the parent of its own message.
 */
function headersOf(invocation: Invocation, given: Record<string, unknown>): AMQPProperties["headers"] {
  const headers: Record<string, unknown> = { ...traceOf(invocation), ...given };
  const { messageId } = invocation.properties;
  if (messageId) headers[HEADERS.parent] = messageId;
  else delete headers[HEADERS.parent];
  return headers as AMQPProperties["headers"];
}

/** The outputs of an invocation belong to the trace of its message. */
function traceOf({ headers }: Pick<Invocation, "headers">): Record<string, string> {
  const trace = readTrace(headers);
  return trace ? childTrace(trace) : {};
}
