import { resolveFunctionConfig } from "../../lib/invocation/definition/function_config.ts";
import type { Ended } from "../../lib/invocation/insight/ended.ts";
import type { Outcome } from "../../lib/invocation/outcome.ts";
import type { DeliveredInvocation } from "../../lib/invocation/sandbox.ts";

/** What a test says of an invocation that ended. */
export interface EndedAs {
  /** @default "order" */
  name?: string;
  messageId?: string;
  headers?: Record<string, unknown>;
  body?: string | Uint8Array;
  attempt?: number;
  /** @default completed */
  outcome?: Exclude<Outcome, { kind: "abandoned" }>;
  published?: string[];
  /** When it ended, in milliseconds since 1970; it took `took`. */
  at?: number;
  /** @default 5 */
  took?: number;
  next?: Ended["next"];
}

/** An invocation that ended, as an observer gets it. */
export function endedAs(given: EndedAs = {}): Ended {
  const { name = "order", outcome = { kind: "completed" }, published = [], at = 1_000_000, took = 5 } = given;
  return {
    definition: resolveFunctionConfig({}, { name, file: `/${name}.ts`, version: "v1" }),
    invocation: invocationAs(given),
    outcome,
    next: given.next ?? (outcome.kind === "completed" ? { kind: "ack" } : { kind: "deadLetter", reason: outcome.kind }),
    published,
    receivedAt: at - took - 1,
    startedAt: at - took,
    endedAt: at,
  };
}

export function invocationAs({ messageId, headers = {}, body = "{}", attempt = 1 }: EndedAs): DeliveredInvocation {
  return {
    body: typeof body === "string" ? new TextEncoder().encode(body) : body,
    properties: { messageId, contentType: "application/json", timestamp: new Date(500_000) },
    headers,
    exchange: "shop",
    routingKey: "new",
    redelivered: false,
    attempt,
    wantsResult: false,
    returns: 0,
    setAside: false,
  };
}

/** How an invocation fails. */
export function failed(message: string, stack?: string): EndedAs["outcome"] {
  return { kind: "failed", failure: { type: "Error", message, stack } };
}
