import type { MessageProperties } from "../mod.ts";

/** A message that a handler publishes. */
export interface Publication {
  readonly exchange: string;
  readonly routingKey: string;
  readonly body: Uint8Array;
  readonly properties: MessageProperties;
  readonly headers: Record<string, unknown>;
  /** Milliseconds that it is held back in the broker. */
  readonly delay: number;
}

/** What one invocation may publish. */
export const MAX_OUTPUTS = 10_000;
/** Bytes of bodies. */
export const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;
