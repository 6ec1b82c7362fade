import type { Content } from "../sandbox.ts";
import { decompressSync, encodingsOf } from "./content_encoding.ts";
import { decodeBody, MAX_INFLATED } from "./codec.ts";

/**
 * A value in the body of a message, by the names that lead to it from the outside; undefined if it is missing. It is
 * synchronous, also for a compressed body.
 *
 * @throws {WarrenError} `undecodable` or `tooLarge`
 */
export function valueInBody({ body, properties, headers }: Content, path: readonly string[]): unknown {
  const { compressions, charset } = encodingsOf(properties, headers);
  const plain = compressions.length === 0 ? body : decompressSync(body, compressions, MAX_INFLATED);
  let value = decodeBody(plain, { contentType: properties.contentType, contentEncoding: charset });
  for (const name of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  return value;
}
