import type { Context } from "../../mod.ts";
import type { Invocation } from "../../invocation/sandbox.ts";
import { SPANS as NAMES } from "../../invocation/tracing/span_names.ts";
import { fail, KIND, type Span, Spans } from "../../invocation/tracing/spans.ts";
import { readTrace } from "../../invocation/trace_context.ts";
import type { Loaded } from "./loaded.ts";
import { runBatch, type Settled } from "./run_batch.ts";
import { type HandlerResult, runHandler } from "./run_handler.ts";

/** Undefined if tracing is off. Made before the function's module loads. */
const SPANS: Spans | undefined = Spans.open();

/** Runs a handler within a span, if tracing is on: below the span that processes its message. See `runHandler`. */
export function runInSpan(
  loaded: Loaded,
  invocation: Invocation,
  context: Context,
  onEnd: (result: HandlerResult) => void,
): void {
  if (!SPANS) return runHandler(loaded, invocation, context, onEnd);
  const parent = readTrace(invocation.headers);
  const attributes = { "faas.name": loaded.name };
  const span = SPANS.start(nameOf(loaded), { kind: KIND.internal, parent, attributes });
  const ended = (result: HandlerResult) => {
    if (span) end(span, result);
    onEnd(result);
  };
  const run = () => runHandler(loaded, invocation, context, ended);
  if (span) SPANS.within(span, run);
  // What the handler calls learns that the trace is not sampled.
  else if (parent) SPANS.inTrace(parent, run);
  else run();
}

/** Runs a batch's handler within a span, if tracing is on: linked to the spans that process its messages. See `runBatch`. */
export async function runBatchInSpan(
  ...[loaded, batch, context, lineFor, onSettled, progress]: Parameters<typeof runBatch>
) {
  if (!SPANS) return await runBatch(loaded, batch, context, lineFor, onSettled, progress);
  const links = batch.map(({ headers }) => readTrace(headers)).filter((trace) => trace !== undefined);
  const attributes = { "faas.name": loaded.name, "messaging.batch.message_count": batch.length };
  const span = SPANS.start(nameOf(loaded), { kind: KIND.internal, links, attributes })!;
  let whole: HandlerResult = { kind: "completed" };
  const told = (settled: Settled) => {
    if (whole.kind === "completed") whole = settled.result;
    onSettled(settled);
  };
  await SPANS.within(span, () => runBatch(loaded, batch, context, lineFor, told, progress));
  end(span, whole);
}

function nameOf({ name }: Loaded): string {
  return `${NAMES.handle.operation} ${name}`;
}

function end(span: Span, result: HandlerResult): void {
  span.setAttribute("warren.outcome", result.kind);
  if (result.kind !== "completed") fail(span, result.failure.type);
  span.end();
}
