/** Header prefix of attributes in binary mode. Warren writes this one. */
export const PREFIX = "cloudEvents_";
/** An alternative prefix that is as old as the binding. */
export const OLD_PREFIX = "cloudEvents:";
/**
 * The prefix of the HTTP and Kafka bindings. Some senders, Knative among them, use it for AMQP too, so it is read if
 * there are no others.
 */
export const FOREIGN_PREFIXES = ["ce-", "ce_"];

/** Types of attributes. Binary values and timestamps are strings. */
export type AttributeValue = string | number | boolean;

const NAME = /^[a-z0-9]+$/;
export const REQUIRED = ["id", "source", "type"];
export const OPTIONAL = ["subject", "dataschema", "time", "datacontenttype"];
/** Attributes whose value must be a text that is not empty. */
const TEXTS = [...REQUIRED, ...OPTIONAL];
const SPECVERSION = "1.0";
/** The specification recommends 20. This is the longest that fits into a header name. */
const MAX_NAME = 200;
const CHARACTERS = String.raw`(?:[\w.~:/?#[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})`;
const URI_REFERENCE = new RegExp(`^${CHARACTERS}+$`);
const URI = new RegExp(`^[A-Za-z][A-Za-z0-9+.-]*:${CHARACTERS}*$`);
const TIMESTAMP = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/;

/** The value of an attribute in JSON form. Undefined if it is not set. */
export function canonical(value: unknown): unknown {
  if (value === null || value === undefined) return undefined;
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? value : value.toISOString();
  if (value instanceof Uint8Array) return value.toBase64();
  if (typeof value === "bigint") return Number(value);
  return value;
}

/** Problems of received attributes: their names and types. */
export function attributeProblems(attributes: Readonly<Record<string, unknown>>): string[] {
  const problems: string[] = [];
  for (const [name, value] of Object.entries(attributes)) {
    if (!NAME.test(name) || name === "data") {
      problems.push(
        `${JSON.stringify(name.slice(0, 80))} is no name of an attribute: lower-case letters and digits are`,
      );
    } else if (TEXTS.includes(name) && (typeof value !== "string" || value === "")) {
      problems.push(`${name} is ${shown(value)}: expected a text that is not empty`);
    } else if (name === "specversion" && value !== SPECVERSION) {
      problems.push(`specversion is ${shown(value)}: expected "${SPECVERSION}"`);
    } else if (!isValue(value)) {
      problems.push(`${name} is ${shown(value)}: expected a text, a boolean or an integer of 32 bits`);
    }
  }
  return problems;
}

/** The required attributes that are missing. */
export function missingAttributes(attributes: Readonly<Record<string, unknown>>): string[] {
  return [...REQUIRED, "specversion"].filter((name) => attributes[name] === undefined);
}

/** Problems of attributes that a publisher sets. Senders must also follow the syntax of the values. */
export function writingProblems(attributes: Readonly<Record<string, unknown>>): string[] {
  const problems = attributeProblems(attributes);
  const check = (name: string, accept: (text: string) => boolean, expected: string) => {
    const value = attributes[name];
    if (typeof value !== "string" || value === "" || accept(value)) return;
    problems.push(`${name} is ${JSON.stringify(value.slice(0, 80))}: expected ${expected}`);
  };
  check("source", (text) => URI_REFERENCE.test(text), 'a URI reference, as "/orders" or "urn:example:orders"');
  check("dataschema", (text) => URI.test(text), 'a URI, as "https://example.com/order.json"');
  check("time", isTimestamp, 'a date and time of RFC 3339, as "2018-04-05T17:31:00Z"');
  for (const [name, value] of Object.entries(attributes)) {
    if (name.length > MAX_NAME) problems.push(`the name ${name.slice(0, 20)}… has more than ${MAX_NAME} characters`);
    if (typeof value === "string" && !isPlain(value)) {
      problems.push(`${name} has control characters, or half of a character`);
    }
  }
  return problems;
}

/** Text that every transport can carry. */
export function isPlain(text: string): boolean {
  return text.isWellFormed() && !/\p{Cc}/u.test(text);
}

function isTimestamp(text: string): boolean {
  return TIMESTAMP.test(text) && !Number.isNaN(Date.parse(text.toUpperCase()));
}

function shown(value: unknown): string {
  return Deno.inspect(value, { depth: 0, strAbbreviateSize: 80 }).slice(0, 100);
}

function isValue(value: unknown): value is AttributeValue {
  return typeof value === "string" || typeof value === "boolean" || typeof value === "number" && (value | 0) === value;
}
