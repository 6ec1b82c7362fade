import type { Logger } from "../base/log.ts";
import type { Ended, Observer } from "../invocation/insight/ended.ts";
import { readTrace } from "../invocation/trace_context.ts";
import type { LogCompleted } from "../settings/options.ts";
import { Sampler } from "./runs/sampler.ts";

/** Lines of a function in a second, where only some are logged. */
const SAMPLE = 1;
const SAMPLE_OF_ALL = 20;

/** Logs a line for each invocation that completed, or for some of them; undefined where none is wanted. */
export function completedLog(log: Logger, which: LogCompleted): Observer | undefined {
  if (which === "none" || !log.enabled("info")) return undefined;
  const sampler = which === "all" ? undefined : new Sampler({ perName: SAMPLE, inAll: SAMPLE_OF_ALL });
  return {
    ended(ended) {
      if (ended.outcome.kind !== "completed" || ended.next.kind !== "ack") return;
      if (sampler && !sampler.take(ended.definition.name, ended.endedAt)) return;
      log.info("completed", fieldsOf(ended));
    },
  };
}

function fieldsOf({ definition, invocation, startedAt, endedAt }: Ended): Record<string, unknown> {
  const { properties: { messageId }, attempt, headers } = invocation;
  const trace = readTrace(headers);
  return {
    function: definition.name,
    messageId,
    attempt,
    duration: endedAt - startedAt,
    ...(trace && { trace: trace.traceId }),
  };
}
