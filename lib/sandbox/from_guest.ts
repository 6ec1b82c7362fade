import { boundedFailure, type Failure } from "../invocation/outcome.ts";
import type { FromGuest } from "./protocol.ts";

/** The longest tuple has eight. */
const MAX_PARTS = 8;
/** More than there can be in flight; an array can claim four thousand million. */
const MAX_DONE = 1_000_000;
const RESULTS: readonly unknown[] = ["failed", "rejected", "undecodable"];

/**
 * What came from a function's process, as a message of the protocol: a function can reach the connection of its own
 * process and say anything.
 *
 * @throws {TypeError} for what is no such message
 */
export function checkedFromGuest(message: unknown): FromGuest {
  const [op, ...rest] = Array.isArray(message) && message.length <= MAX_PARTS ? message : [];
  switch (op) {
    case "ready":
    case "pong":
      return [op];
    case "broken":
      return [op, failureIn(rest[0])];
    case "done":
      if (Array.isArray(rest[0]) && rest[0].length <= MAX_DONE) return [op, rest[0]];
      break;
    case "result": {
      const [id, kind, failure, delay] = rest;
      if (typeof id !== "number" || !RESULTS.includes(kind)) break;
      if (delay !== undefined && !(typeof delay === "number" && delay >= 0 && delay < Infinity)) break;
      return [op, id, kind, failureIn(failure), delay];
    }
    case "log": {
      const [id, level, text, fields] = rest;
      if (typeof id !== "number" || typeof level !== "string" || typeof text !== "string") break;
      if (fields === undefined || typeof fields === "string") return [op, id, level, text, fields];
      break;
    }
    case "publish":
      // The rest of it is for the publish rules.
      if (typeof rest[0] === "number" && typeof rest[1] === "number") return message as FromGuest;
  }
  throw new TypeError("it is no message of the protocol");
}

function failureIn(value: unknown): Failure {
  const { type, message, stack } = (value ?? {}) as Partial<Record<keyof Failure, unknown>>;
  if (typeof type === "string" && typeof message === "string") return boundedFailure({ type, message, stack });
  throw new TypeError("it is no message of the protocol");
}
