import { assert, assertEquals } from "@std/assert";
import { childTrace, readTrace } from "../../lib/invocation/trace_context.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT = `00-${TRACE}-00f067aa0ba902b7-01`;

Deno.test("a child is in the same trace, with its flags and state, and has a span of its own", () => {
  const trace = readTrace({ traceparent: PARENT, tracestate: "vendor=1" });
  assert(trace);
  const { traceparent, tracestate } = childTrace(trace);
  const [version, traceId, span, flags] = traceparent.split("-");
  assertEquals([version, traceId, flags, tracestate], ["00", TRACE, "01", "vendor=1"]);
  assert(span !== "00f067aa0ba902b7" && /^[0-9a-f]{16}$/.test(span));
});

Deno.test("what is no trace context is none", () => {
  const zeros = "0".repeat(32);
  for (
    const traceparent of [
      undefined,
      5,
      "",
      "00-1-2-3",
      `ff-${TRACE}-00f067aa0ba902b7-01`,
      `00-${zeros}-00f067aa0ba902b7-01`,
    ]
  ) assertEquals(readTrace({ traceparent }), undefined);
});
