import { cutToBytes } from "./utf8.ts";

/** Bytes of AMQP's short strings: names, routing keys, ids, types. */
export const SHORT_STRING = 255;
const encoder = new TextEncoder();

/** Whether a text is short enough, in bytes. */
export function isShortString(text: unknown): text is string {
  if (typeof text !== "string") return false;
  // No character has fewer bytes than one, or more than three.
  if (text.length * 3 <= SHORT_STRING) return true;
  return text.length <= SHORT_STRING && encoder.encode(text).length <= SHORT_STRING;
}

/** The beginning of a text that is short enough; no character is cut in two. */
export function cutToShortString(text: string): string {
  return isShortString(text) ? text : cutToBytes(text, SHORT_STRING);
}
