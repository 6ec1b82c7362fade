import type { MessageProperties } from "../mod.ts";
import { isShortString } from "../base/short_string.ts";

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

/** The message id of an output: the same each time its message is handled, so that whoever gets it twice can tell. */
export function outputId(messageId: string | undefined, index: number): string {
  const id = `${messageId}/${index}`;
  return messageId && isMessageId(id) ? id : crypto.randomUUID();
}

/** Whether it can be a message id. */
export function isMessageId(id: unknown): id is string {
  return id !== "" && isShortString(id);
}
