import { assert, assertEquals } from "@std/assert";
import { childTrace, readTrace } from "../../lib/invocation/trace_context.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN = "00f067aa0ba902b7";
const PARENT = `00-${TRACE}-${SPAN}-01`;

Deno.test("what follows from a message has the same cause, with its flags and state", () => {
  const trace = readTrace({ traceparent: PARENT, tracestate: "vendor=1" });
  assert(trace);
  assertEquals(childTrace(trace), { traceparent: PARENT, tracestate: "vendor=1" });
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

Deno.test("the trace of an event in binary mode is that of its attributes, unless its headers have one", () => {
  const other = PARENT.replace(TRACE, "a".repeat(32));
  for (const prefix of ["cloudEvents_", "cloudEvents:"]) {
    const attributes = { [`${prefix}traceparent`]: PARENT, [`${prefix}tracestate`]: "vendor=1" };
    assertEquals(readTrace(attributes), {
      traceId: TRACE,
      spanId: SPAN,
      flags: "01",
      state: "vendor=1",
    });
    assertEquals(readTrace({ ...attributes, traceparent: other }), {
      traceId: "a".repeat(32),
      spanId: SPAN,
      flags: "01",
      state: undefined,
    });
    assertEquals(readTrace({ ...attributes, traceparent: "nonsense" })?.traceId, TRACE);
  }
});
