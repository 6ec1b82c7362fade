import type { AMQPProperties } from "@cloudamqp/amqp-client";
import type { Result } from "../../invocation/outcome.ts";
import type { Publication } from "../../invocation/publication.ts";
import type { Invocation } from "../../invocation/sandbox.ts";
import { childTrace, readTrace } from "../../invocation/trace_context.ts";
import { keepReceived } from "../message/content_header.ts";
import { HEADERS } from "../message/names.ts";
import type { OutgoingMessage } from "./confirms/outgoing_message.ts";

/** An output of an invocation as a message. */
export function outputMessage(invocation: Invocation, publication: Publication, messageId: string): OutgoingMessage {
  const { exchange, routingKey, body, headers, properties } = publication;
  return {
    exchange,
    routingKey,
    body,
    properties: { ...properties, messageId, headers: headersOf(invocation, headers) },
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

/** The answer to whoever asked for one. */
export function answer(
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
    // The correlation id of some callers is bytes that are no text.
    properties: keepReceived(answered, properties),
  };
}

/** What an invocation leaves is part of its message's trace. */
function traceOf({ headers }: Pick<Invocation, "headers">): Record<string, string> {
  const trace = readTrace(headers);
  return trace ? childTrace(trace) : {};
}
