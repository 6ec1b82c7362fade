import { type InputSchema, readInputSchema } from "../../invocation/content/input_schema.ts";
import { boundedFailure, type Failure, type Issue } from "../../invocation/outcome.ts";
import { fits, isKey } from "../../invocation/once_store.ts";
import { MAX_PROGRESS } from "../handler/progress.ts";
import { type Completion, unpackCompletions } from "../wire/completions.ts";
import { type FromGuest, notOfTheProtocol } from "../wire/protocol.ts";

/** The longest tuple has eight elements. */
const MAX_PARTS = 8;
/** More than can be in flight. A forged array could claim four thousand million elements. */
const MAX_DONE = 1_000_000;
const RESULTS: readonly unknown[] = ["failed", "rejected", "undecodable", "invalid"];
const MAX_VARIABLES = 10_000;
const MAX_ISSUES = 50;
const MAX_ISSUE = 200;

/** What a process said, checked, with its schema parsed and its completions one by one. */
export type CheckedFromGuest =
  | Exclude<FromGuest, { 0: "ready" | "completed" }>
  | [op: "ready", inputSchema: InputSchema | undefined]
  | [op: "completed", completions: readonly Completion[]];

/** What a process says to its sandbox. Its other messages are for `GuestProcess` alone. */
export type Reported = Exclude<CheckedFromGuest, { 0: "pong" | "broken" }>;

/**
 * What came from a function's process, as a message of the protocol: a function can reach the connection of its own
 * process and say anything.
 *
 * @throws {TypeError} if it is not such a message
 */
export function checkedFromGuest(message: unknown): CheckedFromGuest {
  const [op, ...rest] = Array.isArray(message) && message.length <= MAX_PARTS ? message : [];
  switch (op) {
    case "ready": {
      if (rest[0] === undefined) return [op, undefined];
      const inputSchema = typeof rest[0] === "string" ? readInputSchema(rest[0]) : undefined;
      if (inputSchema) return [op, inputSchema];
      break;
    }
    case "pong":
      return [op];
    case "broken":
    case "uncaught":
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
    case "early": {
      const [id, left] = rest;
      if (isNumber(id) && typeof left === "number" && left >= 0 && left < Infinity) return [op, id, left];
      break;
    }
    case "dropped":
      if (isNumber(rest[0])) return [op, rest[0]];
      break;
    case "log": {
      const [id, level, text, fields] = rest;
      if (typeof id !== "number" || typeof level !== "string" || typeof text !== "string") break;
      if (fields === undefined || typeof fields === "string") return [op, id, level, text, fields];
      break;
    }
    case "completed":
      return [op, unpackCompletions(rest)];
    case "once": {
      const [id, call, key] = rest;
      if (!isNumber(id) || !isNumber(call)) break;
      if (isKey(key)) return [op, id, call, key];
      break;
    }
    case "onceDone": {
      const [id, call, value] = rest;
      if (!isNumber(id) || !isNumber(call)) break;
      if (value === undefined || (typeof value === "string" && fits(value))) return [op, id, call, value];
      break;
    }
    case "onceFailed":
      if (isNumber(rest[0]) && isNumber(rest[1])) return [op, rest[0], rest[1]];
      break;
    case "progress": {
      const [id, text] = rest;
      if (isNumber(id) && typeof text === "string" && text.length <= MAX_PROGRESS) return [op, id, text];
      break;
    }
    case "env":
      if (Array.isArray(rest[0]) && rest[0].length <= MAX_VARIABLES && rest[0].every(isVariable)) return [op, rest[0]];
      break;
    case "validated":
      if (typeof rest[0] === "number") return [op, rest[0], rest[1] === undefined ? undefined : failureIn(rest[1])];
  }
  throw notOfTheProtocol();
}

function isVariable(value: unknown): value is string {
  return typeof value === "string" && /^[A-Za-z_]\w{0,127}$/.test(value);
}

function isNumber(value: unknown): value is number {
  return Number.isSafeInteger(value);
}

function failureIn(value: unknown): Failure {
  const { type, message, stack, issues } = (value ?? {}) as Partial<Record<keyof Failure, unknown>>;
  if (typeof type === "string" && typeof message === "string") {
    const failure = boundedFailure({ type, message, stack });
    return Array.isArray(issues) ? { ...failure, issues: issues.slice(0, MAX_ISSUES).map(issueIn) } : failure;
  }
  throw notOfTheProtocol();
}

function issueIn(value: unknown): Issue {
  const { message, path } = (value ?? {}) as Partial<Record<keyof Issue, unknown>>;
  return { message: String(message).slice(0, MAX_ISSUE), path: String(path).slice(0, MAX_ISSUE) };
}
