import type { AMQPMessage } from "@cloudamqp/amqp-client";
import type { Trial } from "../../../lib/amqp/consuming/consumer.ts";
import { Generation } from "../../../lib/serving/generation.ts";
import { newRow, type Row } from "../../../lib/serving/row.ts";
import { FakeSandbox } from "../fake_sandbox.ts";
import { versionOf } from "../served.ts";

export interface RowOptions {
  /** @default the body */
  messageId?: string;
  /** How often its message was returned to the queue. @default 0 */
  returns?: number;
  /** @default false, unless it was returned */
  redelivered?: boolean;
  /** Whether its delivery is there. @default true */
  live?: boolean;
  /** The number of runners that ended while they ran it. @default none: its place in the queue does not matter */
  deaths?: number;
}

/** A version of a function, which runs nothing. */
export function generationOf(): Generation {
  const { definition } = versionOf("v1", { dedupe: "5m" });
  return new Generation(definition, new FakeSandbox(definition, {}, []));
}

const GENERATION = generationOf();

let last = 0;

/** A row for a message with that body. Its acks are counted. */
export function rowOf(
  body: string,
  { messageId = body, returns = 0, redelivered = returns > 0, live = true, deaths }: RowOptions = {},
): Row & { readonly acks: number } {
  let acks = 0;
  const trial: Trial | undefined = deaths === undefined
    ? undefined
    : { deaths, begin: () => Promise.resolve(), end: () => {} };
  const message = {
    body: new TextEncoder().encode(body),
    exchange: "",
    routingKey: "orders",
    redelivered,
    properties: { messageId, headers: { "x-delivery-count": returns } },
  } as unknown as AMQPMessage;
  const row = newRow(++last, { message, live, trial, ack: () => void acks++, requeue: () => {} }, GENERATION, 0);
  return Object.defineProperty(row, "acks", { get: () => acks }) as Row & { readonly acks: number };
}

/** The body of a row's message. */
export function bodyOf({ invocation }: Row): string {
  return new TextDecoder().decode(invocation.body);
}
