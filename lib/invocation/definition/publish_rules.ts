import { WarrenError } from "../../base/errors.ts";
import { isShortString, SHORT_STRING } from "../../base/short_string.ts";
import type { FunctionDefinition } from "./definition.ts";
import type { Publication } from "../publication.ts";

/** Bytes. */
const MAX_HEADERS = 64 * 1024;
/** Thirty days in milliseconds. */
export const MAX_DELAY = 30 * 24 * 3_600_000;
/** Properties that only a broker or the runner may set. */
const TYPES: Record<string, (value: unknown) => boolean> = {
  contentType: isShortString,
  contentEncoding: isShortString,
  deliveryMode: (value) => value === 1 || value === 2,
  priority: (value) => Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 255,
  correlationId: isShortString,
  replyTo: isShortString,
  expiration: (value) => typeof value === "string" && /^\d{1,10}$/.test(value),
  messageId: isShortString,
  timestamp: (value) => value instanceof Date && !Number.isNaN(value.getTime()),
  type: isShortString,
  userId: isShortString,
  appId: isShortString,
};
const encoder = new TextEncoder();

/**
 * Checks in the runner what a function wants to publish, since a function's process can send anything.
 *
 * @throws {WarrenError} `refused` if the config does not allow the route or the message is invalid; `tooLarge`
 */
export function assertMayPublish(
  { name, publish }: Pick<FunctionDefinition, "name" | "publish">,
  { exchange, routingKey, body, properties, headers, delay }: Publication,
  maxBody: number,
): void {
  const refuse = (what: string) => new WarrenError("refused", `function "${name}" may not publish ${what}`);
  if (!isShortString(exchange)) throw refuse(`to an exchange that is not a text of at most ${SHORT_STRING} bytes`);
  if (!isShortString(routingKey)) {
    throw refuse(`with a routing key that is not a text of at most ${SHORT_STRING} bytes`);
  }
  if (!(body instanceof Uint8Array)) throw refuse("a body that is not bytes");
  if (body.length > maxBody) {
    throw new WarrenError("tooLarge", `a message of ${body.length} bytes is beyond the limit of ${maxBody}`);
  }
  for (const [property, value] of Object.entries(properties ?? {})) {
    if (value === undefined) continue;
    if (!Object.hasOwn(TYPES, property)) throw refuse(`with the unknown property ${JSON.stringify(property)}`);
    if (!TYPES[property](value)) throw refuse(`with ${property} ${Deno.inspect(value, { depth: 0 }).slice(0, 80)}`);
  }
  if (!isHeaders(headers)) throw refuse(`with headers that are not plain values of at most ${MAX_HEADERS} bytes`);
  if (!Number.isFinite(delay) || delay < 0 || delay > MAX_DELAY) throw refuse(`with a delay of ${delay} ms`);
  if (delay > 0 && exchange !== "") {
    throw refuse("with a delay to an exchange: delays are possible only for queues by name");
  }
  if (exchange.startsWith("warren.")) throw refuse(`to "${exchange}", which is Warren's own`);
  if (allows(publish, exchange, routingKey)) return;
  const route = exchange === "" ? routingKey : `${exchange}/${routingKey}`;
  throw refuse(`to ${JSON.stringify(route)}; to allow it, add to its config: publish: [${JSON.stringify(route)}]`);
}

/** Whether one of the routes matches. */
export function allows(publish: boolean | readonly string[], exchange: string, routingKey: string): boolean {
  if (typeof publish === "boolean") return publish;
  return publish.some((route) => {
    const slash = route.indexOf("/");
    const [ofExchange, pattern] = slash < 0 ? ["", route] : [route.slice(0, slash), route.slice(slash + 1)];
    return ofExchange === exchange && matches(pattern.split("."), routingKey.split("."));
  });
}

/**
 * Matches as a topic exchange does: `*` is one word, `#` any number of words. Does not backtrack, since the function
 * supplies both texts and this runs in the runner.
 */
function matches(pattern: readonly string[], words: readonly string[]): boolean {
  /** Whether the part of the pattern so far matches the first `count` words. */
  let reached = [true, ...words.map(() => false)];
  for (const part of pattern) {
    const next: boolean[] = [];
    for (const [count, before] of reached.entries()) {
      if (part === "#") next.push(before || next.at(-1) === true);
      else next.push(count > 0 && reached[count - 1] && (part === "*" || part === words[count - 1]));
    }
    reached = next;
  }
  return reached[words.length];
}

/** Whether a value is plain data within the size limit. */
function isHeaders(headers: unknown): boolean {
  let left = MAX_HEADERS;
  const isData = (value: unknown, depth: number): boolean => {
    if (depth > 16 || left < 0) return false;
    left -= 8;
    if (typeof value === "string") return value.length <= left && (left -= encoder.encode(value).length) >= 0;
    if (value instanceof Uint8Array) return (left -= value.length) >= 0;
    if (value === null || value === undefined) return true;
    if (value instanceof Date) return !Number.isNaN(value.getTime());
    if (Array.isArray(value)) return (left -= value.length) >= 0 && value.every((item) => isData(item, depth + 1));
    if (typeof value === "bigint") return BigInt.asIntN(64, value) === value;
    // RabbitMQ accepts no other numbers. One in a header would close the connection that all functions publish on.
    if (typeof value === "number") return Number.isFinite(value);
    if (typeof value !== "object") return typeof value === "boolean";
    return Object.entries(value).every(([key, inner]) =>
      isShortString(key) && (left -= key.length) >= 0 && isData(inner, depth + 1)
    );
  };
  return typeof headers === "object" && headers !== null && !Array.isArray(headers) && isData(headers, 0) && left >= 0;
}
