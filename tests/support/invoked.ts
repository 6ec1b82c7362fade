import type { Outcome } from "../../lib/invocation/outcome.ts";
import type { Invocation, Sandbox } from "../../lib/invocation/sandbox.ts";

/** How a handler ends that runs once with that message. */
export function invoked(sandbox: Sandbox, invocation: Invocation): Promise<Outcome> {
  return new Promise((resolve) => sandbox.invoke(invocation, resolve, undefined));
}
