import type { MessageProperties } from "../../mod.ts";

/** Saved before a function's module loads, which may replace them. */
const { getPrototypeOf, is, prototype: objectPrototype } = Object;
const { isFinite } = Number;
const { prototype: { getTime } } = Date;
const { apply } = Reflect;

/** Stands for the properties of the message before, or for no headers. */
export const SAME = 0;

/** Whether JSON has each of these values as it is: texts, finite numbers, true and false. */
export function isPlain(values: Record<string, unknown>): boolean {
  return isObject(values) && everyPlain(values, undefined);
}

/**
 * Properties as JSON has them as they are, with the timestamp in milliseconds since 1970. Undefined where it cannot.
 */
export function plainProperties(properties: MessageProperties): Record<string, unknown> | undefined {
  if (!isObject(properties) || !everyPlain(properties as Record<string, unknown>, "timestamp")) return undefined;
  const { timestamp } = properties;
  if (timestamp === undefined) return properties as Record<string, unknown>;
  if (!(timestamp instanceof Date)) return undefined;
  const time: number = apply(getTime, timestamp, []);
  return isFinite(time) ? { ...properties, timestamp: time } : undefined;
}

/** The properties that `plainProperties` has made plain. The object is changed. */
export function fromPlain(properties: Record<string, unknown>): MessageProperties {
  if (typeof properties.timestamp === "number") properties.timestamp = new Date(properties.timestamp);
  return properties as MessageProperties;
}

/** Not an array, a map and the like, which would lose what they are. */
function isObject(values: unknown): boolean {
  if (typeof values !== "object" || values === null) return false;
  const prototype = getPrototypeOf(values);
  return prototype === objectPrototype || prototype === null;
}

function everyPlain(values: Record<string, unknown>, but: string | undefined): boolean {
  for (const name in values) {
    const value = values[name];
    if (typeof value === "string" || typeof value === "boolean" || name === but) continue;
    // JSON has no negative zero.
    if (typeof value !== "number" || !isFinite(value) || is(value, -0)) return false;
  }
  return true;
}
