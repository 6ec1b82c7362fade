import type { Invocation } from "../../invocation/sandbox.ts";
import { readTrace } from "../../invocation/trace_context.ts";

/**
 * What a line of a handler's log says of the message that it is of. Each field is there, also for one that is over, so
 * that none that the handler gives is taken for it.
 */
export function logFields(invocation: Invocation | undefined): Record<string, unknown> {
  const trace = invocation && readTrace(invocation.headers);
  return {
    messageId: invocation?.properties.messageId,
    attempt: invocation?.attempt,
    ...(trace && { trace: trace.traceId }),
  };
}
