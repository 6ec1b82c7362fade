import type { MessageProperties } from "../mod.ts";
import { isShortString } from "../base/short_string.ts";

/** A message that a handler publishes. */
export interface Publication {
  readonly exchange: string;
  readonly routingKey: string;
  readonly body: Uint8Array;
  readonly properties: MessageProperties;
  readonly headers: Record<string, unknown>;
  /** Milliseconds that the broker holds the message back. */
  readonly delay: number;
}

/** The header of an output with the id of the message whose handler published it. */
export const PARENT_HEADER = "warren-parent";

/** The limits for one invocation. */
export const MAX_OUTPUTS = 10_000;
/** Total size of all bodies in bytes. */
export const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;

/**
 * The message id of an output. It is the same each time the input message is handled, so consumers can detect
 * duplicates.
 */
export function outputId(messageId: string | undefined, index: number): string {
  const id = `${messageId}/${index}`;
  return messageId && isMessageId(id) ? id : crypto.randomUUID();
}

/** Whether the value is a valid message id. */
export function isMessageId(id: unknown): id is string {
  return id !== "" && isShortString(id);
}
