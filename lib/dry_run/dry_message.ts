import { encodeBody } from "../invocation/content/codec.ts";
import { eventData, writeCloudEvent } from "../invocation/content/write_cloud_event.ts";
import type { FunctionDefinition } from "../invocation/definition/definition.ts";
import type { DeliveredInvocation } from "../invocation/sandbox.ts";
import type { EventOptions, MessageProperties } from "../mod.ts";

/** A message for a dry run. */
export interface DryMessage {
  /** A `Uint8Array` is sent as it is, a string as text, anything else as JSON: as `context.publish()` does. */
  body: unknown;
  /** @default {} */
  headers?: Record<string, unknown>;
  /** @default a content type for the body, and a message id */
  properties?: MessageProperties;
  /** @default 1 */
  attempt?: number;
  /** @default false */
  redelivered?: boolean;
  /** @default "" */
  exchange?: string;
  /** @default the function's queue */
  routingKey?: string;
  /** Sends the body as the data of a CloudEvent with these attributes. @default not a CloudEvent */
  event?: EventOptions;
}

/** The message as a consumer would receive it. What the handler returns is always wanted. */
export function toInvocation({ name, queue }: FunctionDefinition, given: DryMessage): DeliveredInvocation {
  const { attempt = 1, redelivered = false, exchange = "", routingKey = queue.name } = given;
  const messageId = given.properties?.messageId ?? crypto.randomUUID();
  const { body, contentType, headers } = write(name, messageId, given);
  const properties = { contentType, deliveryMode: 2, timestamp: new Date(), ...given.properties, messageId };
  return {
    body,
    properties,
    headers: { ...headers, ...given.headers },
    exchange,
    routingKey,
    redelivered,
    attempt,
    wantsResult: true,
    returns: 0,
    setAside: false,
  };
}

function write(name: string, id: string, { body, event, properties, headers = {} }: DryMessage) {
  if (!event) return { ...encodeBody(body), headers: {} };
  const data = eventData(body, properties?.contentType ?? textOf(event.datacontenttype));
  return writeCloudEvent(event, data, { id, name, headers });
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
