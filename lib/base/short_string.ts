import { cutToBytes } from "./utf8.ts";

/** The size limit of AMQP short strings in bytes: names, routing keys, ids, types. */
export const SHORT_STRING = 255;
const encoder = new TextEncoder();

/** Whether a text fits into a short string. */
export function isShortString(text: unknown): text is string {
  if (typeof text !== "string") return false;
  // A UTF-16 unit takes one to three bytes in UTF-8.
  if (text.length * 3 <= SHORT_STRING) return true;
  return text.length <= SHORT_STRING && encoder.encode(text).length <= SHORT_STRING;
}

/** The longest start of a text that fits. Never splits a character. */
export function cutToShortString(text: string): string {
  return isShortString(text) ? text : cutToBytes(text, SHORT_STRING);
}
