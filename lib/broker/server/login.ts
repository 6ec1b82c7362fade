import { timingSafeEqual } from "node:crypto";
import { Reader } from "../protocol/reader.ts";
import { decodeTable } from "../protocol/table.ts";

/** The credentials of a client. */
export interface Login {
  user: string;
  password: string;
}

const utf8 = new TextDecoder();

/** The SASL mechanisms. */
export const MECHANISMS: Record<string, (response: Uint8Array) => Login | undefined> = {
  /** RFC 4616: authorization id, user and password, separated by zero bytes. */
  PLAIN(response) {
    const parts = utf8.decode(response).split("\0");
    return parts.length === 3 ? { user: parts[1], password: parts[2] } : undefined;
  },
  /** A field table, without its length. */
  AMQPLAIN(response) {
    const { LOGIN: user, PASSWORD: password } = decodeTable(new Reader(response).bytes);
    return typeof user === "string" && typeof password === "string" ? { user, password } : undefined;
  },
};

/** Whether the user exists and the password is right. Takes the same time for unknown users. */
export function isKnown({ user, password }: Login, users: Readonly<Record<string, string>>): boolean {
  const encoder = new TextEncoder();
  const known = Object.hasOwn(users, user);
  const expected = encoder.encode(known ? users[user] : "");
  const given = encoder.encode(password);
  // Padded, since only texts of equal length can be compared in constant time.
  const size = Math.max(expected.length, given.length, 1);
  const [a, b] = [new Uint8Array(size), new Uint8Array(size)];
  a.set(expected);
  b.set(given);
  return timingSafeEqual(a, b) && expected.length === given.length && known;
}
