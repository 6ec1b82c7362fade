import { WarrenError } from "../../base/errors.ts";
import type { FunctionDefinition } from "../../invocation/definition/definition.ts";
import type { Ended, Next, Observer } from "../../invocation/insight/ended.ts";
import type { Invocation } from "../../invocation/sandbox.ts";
import { SETTLED, SPANS } from "../../invocation/tracing/span_names.ts";
import { type Attributes, fail, KIND, type Span, type Spans, traceparentOf } from "../../invocation/tracing/spans.ts";
import type { PublishSpan, Traceable, Tracing } from "../../invocation/tracing/tracing.ts";
import { readTrace, TRACEPARENT } from "../../invocation/trace_context.ts";

/** The header of a run by the schedule. */
const SCHEDULED = "warren-scheduled";

/** Traces messages by OpenTelemetry's conventions; span_names.ts has the names. */
export class MessageTracing implements Tracing, Observer {
  readonly #spans: Pick<Spans, "start">;
  /** Spans of invocations that have not ended. */
  readonly #open = new WeakMap<Invocation, Span>();

  constructor(spans: Pick<Spans, "start">) {
    this.#spans = spans;
  }

  begin<T extends Invocation>(definition: FunctionDefinition, invocation: T): T {
    const span = this.#process(definition, invocation);
    if (!span) return invocation;
    const traced = { ...invocation, headers: { ...invocation.headers, [TRACEPARENT]: traceparentOf(span) } };
    this.#open.set(traced, span);
    return traced;
  }

  /** A message whose handler was not to be called has its span only now. */
  ended({ definition, invocation, outcome, next, startedAt }: Ended): void {
    const span = this.#open.get(invocation) ?? this.#process(definition, invocation, startedAt);
    if (!span) return;
    this.#open.delete(invocation);
    span.setAttribute("warren.outcome", outcome.kind);
    span.setAttribute("warren.disposition", next.kind);
    if (outcome.kind !== "completed") fail(span, outcome.failure.type);
    span.addEvent(SETTLED, settled(next));
    span.end();
  }

  leave(invocation: Invocation): void {
    const span = this.#open.get(invocation);
    if (!span) return;
    this.#open.delete(invocation);
    span.setAttribute("warren.outcome", "abandoned");
    span.setAttribute("warren.disposition", "return");
    span.end();
  }

  publish(message: Traceable): PublishSpan | undefined {
    const { exchange, routingKey, properties, headers } = message;
    const temporary = exchange === "" && routingKey.startsWith("amq.");
    const { operation } = SPANS.publish;
    const span = this.#spans.start(`${operation} ${temporary ? "(reply)" : exchange || routingKey}`, {
      kind: KIND.producer,
      parent: readTrace(headers),
      attributes: {
        ...aboutMessage({ ...message, properties }),
        "messaging.operation.name": operation,
        "messaging.operation.type": "send",
        "messaging.destination.name": destination(exchange, routingKey),
        "messaging.destination.temporary": temporary ? "true" : undefined,
      },
    });
    return span && { traceparent: traceparentOf(span), end: (error) => end(span, error) };
  }

  #process(definition: FunctionDefinition, invocation: Invocation, startTime?: number): Span | undefined {
    const { exchange, routingKey, headers, attempt } = invocation;
    const { name, version, queue, schedule } = definition;
    const parent = readTrace(headers);
    const { operation } = SPANS.process;
    return this.#spans.start(`${operation} ${queue.name}`, {
      kind: KIND.consumer,
      parent,
      links: parent && [parent],
      startTime,
      attributes: {
        ...aboutMessage(invocation),
        "messaging.operation.name": operation,
        "messaging.operation.type": "process",
        "messaging.destination.name": destination(exchange, routingKey, queue.name),
        "faas.name": name,
        "faas.version": version,
        "faas.trigger": schedule && headers[SCHEDULED] !== undefined ? "timer" : "pubsub",
        "warren.attempt": attempt,
      },
    });
  }
}

function aboutMessage({ routingKey, body, properties }: Omit<Traceable, "exchange" | "headers">): Attributes {
  return {
    "messaging.system": "rabbitmq",
    "messaging.rabbitmq.destination.routing_key": routingKey || undefined,
    "messaging.message.id": properties.messageId,
    "messaging.message.conversation_id": properties.correlationId,
    "messaging.message.body.size": body.length,
  };
}

/** Equal and empty parts are left out. */
function destination(...parts: readonly string[]): string {
  return [...new Set(parts)].filter((part) => part !== "").join(":") || "amq.default";
}

function settled(next: Next): Attributes {
  return {
    "warren.disposition": next.kind,
    ...(next.kind === "retry" ? { "warren.delay": next.delay } : {}),
    ...(next.kind === "deadLetter" ? { "warren.reason": next.reason } : {}),
  };
}

function end(span: Span, error: unknown): void {
  if (error !== undefined) fail(span, error instanceof WarrenError ? error.code : "Error");
  span.end();
}
