import type { Invocation } from "../../lib/invocation/sandbox.ts";

/** A first attempt from the default exchange, without a body, properties and headers, but for what is given. */
export function anInvocation(more: Partial<Invocation> = {}): Invocation {
  return {
    body: new Uint8Array(0),
    properties: {},
    headers: {},
    exchange: "",
    routingKey: "orders",
    redelivered: false,
    attempt: 1,
    wantsResult: false,
    ...more,
  };
}
