import type { AMQPProperties } from "@cloudamqp/amqp-client";
import type { Result } from "../../invocation/outcome.ts";
import { outputId, type Publication } from "../../invocation/publication.ts";
import type { Invocation } from "../../invocation/sandbox.ts";
import { childTrace, readTrace } from "../../invocation/trace_context.ts";
import { keepReceived } from "../message/content_header.ts";
import { HEADERS } from "../message/names.ts";
import type { OutgoingMessage } from "./outgoing_message.ts";

/** What an invocation publishes as its output of that index. It is part of its message's trace. */
export function outputMessage(
  { properties: { messageId }, headers: given }: Invocation,
  { exchange, routingKey, body, headers, properties }: Publication,
  index: number,
): OutgoingMessage {
  const trace = readTrace(given);
  const all = trace ? { ...childTrace(trace), ...headers } : headers;
  return {
    exchange,
    routingKey,
    body,
    properties: {
      ...properties,
      messageId: properties.messageId ?? outputId(messageId, index),
      headers: all as AMQPProperties["headers"],
    },
  };
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
