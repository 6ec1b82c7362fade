import { parseByteSize } from "../../base/byte_size.ts";
import { parseDuration } from "../../base/time/duration.ts";
import { describeError } from "../../base/errors.ts";
import { closest } from "../../base/nearest.ts";
import { SHORT_STRING } from "../../base/short_string.ts";

const MB = 1024 * 1024;

/** One key of a function's `config`. */
export interface ConfigKey<T> {
  /** What the key sets, as a short description. */
  readonly text: string;
  /** The value if the function does not set it. */
  readonly default: T;
  /** Returns the value to use. Adds to `problems` if the given one is wrong. */
  read(value: unknown, key: string, problems: string[]): T;
}

export type Table = Record<string, ConfigKey<unknown>>;
export type Values<T extends Table> = { [K in keyof T]: T[K] extends ConfigKey<infer V> ? V : never };

/** A key with a single value that is used as given. */
export function leaf<T>(spec: { text: string; default: T; expected: string; accept: (value: unknown) => boolean }) {
  const read = (value: unknown, key: string, problems: string[]): T => {
    if (spec.accept(value)) return value as T;
    problems.push(wrong(key, value, spec.expected));
    return spec.default;
  };
  return { text: spec.text, default: spec.default, expected: spec.expected, read };
}

export function flag(text: string, byDefault: boolean): ConfigKey<boolean> {
  return leaf({ text, default: byDefault, expected: "true or false", accept: (value) => typeof value === "boolean" });
}

export function number(text: string, byDefault: number, range: { min: number; max: number; whole?: boolean }) {
  const { min, max, whole } = range;
  return leaf<number>({
    text,
    default: byDefault,
    expected: `a ${whole ? "whole " : ""}number from ${min} to ${max}`,
    accept: (value) =>
      typeof value === "number" && value >= min && value <= max && (!whole || Number.isSafeInteger(value)),
  });
}

/** A key whose value is parsed to milliseconds. */
export function duration(
  text: string,
  byDefault: number,
  range: { min: number; max: number; expected: string },
): ConfigKey<number> {
  const read = (value: unknown, key: string, problems: string[]) => {
    try {
      const ms = parseDuration(value);
      if (ms >= range.min && ms <= range.max) return ms;
      problems.push(wrong(key, value, `a duration ${range.expected}`));
    } catch (error) {
      problems.push(`${key}: ${describeError(error)}`);
    }
    return byDefault;
  };
  return { text, default: byDefault, read };
}

/** A key whose value is parsed to bytes. */
export function byteSize(text: string, byDefault: number, range: { min: number; max: number }): ConfigKey<number> {
  const read = (value: unknown, key: string, problems: string[]) => {
    try {
      const bytes = parseByteSize(value);
      if (bytes >= range.min && bytes <= range.max) return bytes;
      problems.push(wrong(key, value, `from ${range.min / MB}MB to ${range.max / MB}MB`));
    } catch (error) {
      problems.push(`${key}: ${describeError(error)}`);
    }
    return byDefault;
  };
  return { text, default: byDefault, read };
}

export function object<T extends Table>(text: string, keys: T): ConfigKey<Values<T>> {
  const read = (value: unknown, key: string, problems: string[]) => readTable(value, keys, key, problems);
  return { text, default: defaults(keys), read };
}

/** A table of keys that is undefined unless the function sets it. */
export function optional<T extends Table>(text: string, keys: T, required: (keyof T & string)[] = []) {
  const read = (value: unknown, key: string, problems: string[]): Values<T> | undefined => {
    for (const name of required.filter((name) => isObject(value) && !Object.hasOwn(value, name))) {
      problems.push(`${key}.${name} is missing`);
    }
    return readTable(value, keys, key, problems);
  };
  return { text, default: undefined, read } as ConfigKey<Values<T> | undefined>;
}

export function list<T extends Table>(text: string, keys: T, required: (keyof T & string)[]): ConfigKey<Values<T>[]> {
  const read = (value: unknown, key: string, problems: string[]) => {
    if (!Array.isArray(value)) {
      problems.push(wrong(key, value, "a list of objects"));
      return [];
    }
    return value.map((item: unknown, index) => {
      const path = `${key}[${index}]`;
      for (const name of required.filter((name) => isObject(item) && !Object.hasOwn(item, name))) {
        problems.push(`${path}.${name} is missing`);
      }
      return readTable(item, keys, path, problems);
    });
  };
  return { text, default: [], read };
}

export function defaults<T extends Table>(keys: T): Values<T> {
  return Object.fromEntries(Object.entries(keys).map(([key, { default: value }]) => [key, value])) as Values<T>;
}

export function wrong(key: string, value: unknown, expected: string): string {
  const found = Deno.inspect(value, { compact: true, breakLength: Infinity, depth: 2, strAbbreviateSize: 80 });
  return `${key} is ${found.length > 120 ? `${found.slice(0, 120)}…` : found}: expected ${expected}`;
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function isScalar(value: unknown): boolean {
  return typeof value === "string" || typeof value === "boolean" || Number.isFinite(value);
}

export function isText(value: unknown, min: number, max = SHORT_STRING): value is string {
  if (typeof value !== "string") return false;
  const bytes = new TextEncoder().encode(value).length;
  return bytes >= min && bytes <= max;
}

export function readTable<T extends Table>(value: unknown, table: T, path: string, problems: string[]): Values<T> {
  const given = isObject(value) ? value : {};
  if (!isObject(value)) problems.push(wrong(path || "config", value, "an object"));
  const known = Object.keys(table);
  for (const key of Object.keys(given).filter((key) => !known.includes(key))) {
    const inside = path ? `config.${path}` : "config";
    problems.push(`unknown key ${JSON.stringify(key)} in ${inside}, did you mean "${closest(key, known)}"?`);
  }
  const read = (key: string) =>
    Object.hasOwn(given, key)
      ? table[key].read(given[key], path ? `${path}.${key}` : key, problems)
      : table[key].default;
  return Object.fromEntries(known.map((key) => [key, read(key)])) as Values<T>;
}
