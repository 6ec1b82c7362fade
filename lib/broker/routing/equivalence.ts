import { AmqpError } from "../protocol/amqp_error.ts";
import {
  decodeTable,
  describeValue,
  type FieldValue,
  INTEGER_TYPES,
  splitTable,
  TYPE_NAMES,
} from "../protocol/table.ts";

/**
 * Checks that a repeated declaration matches the original one.
 *
 * @param what the object, as in `queue 'q'`
 * @throws {AmqpError} 406, in RabbitMQ's words
 */
export function assertSame(what: string, name: string, received: string | boolean, current: string | boolean): void {
  if (received !== current) throw inequivalent(what, name, `'${received}'`, `'${current}'`);
}

/** An argument of a declaration, for comparison. */
export interface Argument {
  type: string;
  /** Its value as text. */
  text: string;
}

/** The arguments of an encoded table, by name. */
export function readArguments(bytes: Uint8Array): Map<string, Argument> {
  const values = decodeTable(bytes);
  return new Map(splitTable(bytes).map(({ name, type }) => [name, { type, text: textOf(type, values[name]) }]));
}

/**
 * Checks that an argument is the same in both declarations, or missing in both. The integer 10 is the same in every
 * integer type, and differs from 10.0.
 *
 * @throws {AmqpError} 406, in RabbitMQ's words
 */
export function assertSameArgument(what: string, name: string, received?: Argument, current?: Argument): void {
  if (received && current) {
    if (kindOf(received.type) === kindOf(current.type) && received.text === current.text) return;
    const shown = ({ type, text }: Argument) => type === "V" ? "none" : `'${text}'`;
    throw inequivalent(what, name, shown(received), shown(current));
  }
  if (!received && !current) return;
  const shown = (argument?: Argument) =>
    argument ? `the value '${argument.text}' of type '${TYPE_NAMES[argument.type] ?? argument.type}'` : "none";
  throw inequivalent(what, name, shown(received), shown(current));
}

function inequivalent(what: string, name: string, received: string, current: string): AmqpError {
  return new AmqpError(
    "preconditionFailed",
    `inequivalent arg '${name}' for ${what} in vhost '/': received ${received} but current is ${current}`,
  );
}

/** The value kind that RabbitMQ compares, since it ignores types. */
const KINDS: Record<string, string> = { f: "float", d: "float", S: "bytes", x: "bytes" };

function kindOf(type: string): string {
  return KINDS[type] ?? (`${INTEGER_TYPES}T`.includes(type) ? "integer" : type);
}

function textOf(type: string, value: FieldValue): string {
  if (value === null) return "undefined";
  if (value instanceof Date) return `${Math.floor(value.getTime() / 1000)}`;
  if (value instanceof Uint8Array) return new TextDecoder().decode(value);
  if (kindOf(type) === "float" && Number.isInteger(value)) return `${value}.0`;
  return describeValue(value);
}
