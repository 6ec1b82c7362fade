import { OLD_PREFIX, PREFIX } from "./content/event_attributes.ts";

/** W3C Trace Context, https://www.w3.org/TR/trace-context/: the header's name, the same in AMQP and HTTP. */
export const TRACEPARENT = "traceparent";
export const TRACESTATE = "tracestate";

/** Where both can be, what goes before the others first. */
const NAMES = ["", PREFIX, OLD_PREFIX].map((prefix) => ({ parent: prefix + TRACEPARENT, state: prefix + TRACESTATE }));

const FORM = /^(?!ff)([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?$/;

/** The trace context of a message. */
export interface TraceContext {
  readonly traceId: string;
  /** The span that caused the message. */
  readonly spanId: string;
  readonly flags: string;
  readonly state: string | undefined;
}

/**
 * The trace context in a message's headers. Undefined if there is none or it is invalid. The attributes of a CloudEvent
 * in binary mode describe where the event came from (https://github.com/cloudevents/spec, "Distributed Tracing"), so
 * the headers of the last transport take precedence.
 */
export function readTrace(headers: Readonly<Record<string, unknown>>): TraceContext | undefined {
  for (const { parent, state: stateName } of NAMES) {
    const given = headers[parent];
    if (typeof given !== "string") continue;
    const match = FORM.exec(given);
    if (!match || /^0+$/.test(match[2]) || /^0+$/.test(match[3])) continue;
    const state = headers[stateName];
    return {
      traceId: match[2],
      spanId: match[3],
      flags: match[4],
      state: typeof state === "string" ? state : undefined,
    };
  }
  return undefined;
}

/**
 * The headers for messages that follow from a message: they have the same cause. With tracing on, that is the span that
 * processes the message (see `Tracing`). Without it, Warren makes no spans, and none of its own may be named.
 */
export function childTrace({ traceId, spanId, flags, state }: TraceContext): Record<string, string> {
  return {
    [TRACEPARENT]: `00-${traceId}-${spanId}-${flags}`,
    ...(state === undefined ? {} : { [TRACESTATE]: state }),
  };
}
