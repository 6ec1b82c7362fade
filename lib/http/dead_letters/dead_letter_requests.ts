import { describeError, WarrenError } from "../../base/errors.ts";
import type { DeadLetterEdit, RedriveOptions, SweepOptions } from "../../invocation/dead_letters/dead_letter_box.ts";
import { nameAndValue, readCount, readFilter, readRate } from "../../invocation/dead_letters/dead_letter_filter.ts";
import { nearest } from "../../base/nearest.ts";
import { asTheirs } from "../problem.ts";

const FILTERS = ["reason", "error", "olderThan", "newerThan", "function", "id"];
const QUERY = [...FILTERS, "header", "limit", "dryRun"];
const REDRIVE = [...FILTERS, "headers", "limit", "rate", "dryRun"];
const EDIT = ["body", "bodyBase64", "contentType", "headers"];

type Fields = Record<string, unknown>;

/**
 * Reads the filters of a query. Unknown names are errors, so that a misspelt filter does not select everything.
 *
 * @throws {Problem} 400
 */
export function sweepFrom(query: Record<string, string[]>): SweepOptions {
  return asked(() => {
    assertKnown(query, QUERY);
    const { header = [], ...rest } = query;
    const texts = Object.fromEntries(Object.entries(rest).map(([name, values]) => [name, values.at(-1)]));
    const { limit, dryRun = "false", ...filters } = texts;
    if (!["true", "false", ""].includes(dryRun)) throw wrong("dryRun", "true or false", dryRun);
    return {
      filter: readFilter({ ...filters, headers: Object.fromEntries(header.map(nameAndValue)) }),
      limit: limit === undefined ? undefined : readCount("limit", limit),
      dryRun: dryRun !== "false",
    };
  });
}

/** @throws {Problem} 400 */
export function redriveFrom(body: Uint8Array): RedriveOptions {
  return asked(() => {
    const fields = jsonFields(body, REDRIVE);
    const { limit, rate, dryRun = false, headers = {}, ...filters } = fields;
    for (const name of FILTERS) if (name in filters) filters[name] = String(scalar(name, filters[name]));
    if (typeof dryRun !== "boolean") throw wrong("dryRun", "true or false", dryRun);
    const texts = Object.entries(object("headers", headers)).map((
      [name, value],
    ) => [name, String(scalar(name, value))]);
    return {
      filter: readFilter({ ...filters, headers: Object.fromEntries(texts) }),
      limit: limit === undefined ? undefined : readCount("limit", String(limit)),
      rate: rate === undefined ? undefined : readRate("rate", String(rate)),
      dryRun,
    };
  });
}

/** @throws {Problem} 400 */
export function editFrom(body: Uint8Array): DeadLetterEdit {
  return asked(() => {
    const fields = jsonFields(body, EDIT);
    const { contentType, headers = {} } = fields;
    if (Object.keys(fields).length === 0) {
      throw new WarrenError("config", `nothing to change; expected one of ${EDIT.join(", ")}`);
    }
    if (contentType !== undefined && typeof contentType !== "string") throw wrong("contentType", "text", contentType);
    const changed: NonNullable<DeadLetterEdit["headers"]> = {};
    for (const [name, value] of Object.entries(object("headers", headers))) {
      changed[name] = value === null ? null : scalar(name, value);
    }
    return { body: newBody(fields), contentType, headers: changed };
  });
}

/** Strings are used as they are. Other values become JSON. */
function newBody({ body, bodyBase64 }: Fields): Uint8Array | undefined {
  if (bodyBase64 === undefined) {
    if (body === undefined) return undefined;
    return new TextEncoder().encode(typeof body === "string" ? body : JSON.stringify(body));
  }
  if (body !== undefined) throw new WarrenError("config", "body and bodyBase64 are both given; keep one of them");
  try {
    return Uint8Array.fromBase64(String(bodyBase64));
  } catch {
    throw wrong("bodyBase64", "base64", bodyBase64);
  }
}

function jsonFields(body: Uint8Array, known: readonly string[]): Fields {
  if (body.length === 0) return {};
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch (error) {
    throw new WarrenError("config", `the body is not JSON: ${describeError(error)}`);
  }
  const fields = object("the body", value);
  assertKnown(fields, known);
  return { ...fields };
}

function assertKnown(fields: object, known: readonly string[]): void {
  for (const name of Object.keys(fields)) {
    if (known.includes(name)) continue;
    const near = nearest(name, known);
    throw new WarrenError("config", `"${name}" is unknown; ${near ? `did you mean ${near}?` : known.join(", ")}`);
  }
}

function object(name: string, value: unknown): Fields {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Fields;
  throw wrong(name, "an object", value);
}

function scalar(name: string, value: unknown): string | number | boolean {
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") return value;
  throw wrong(name, "text, a number, true or false", value);
}

function wrong(name: string, expected: string, found: unknown): WarrenError {
  return new WarrenError("config", `${name}: expected ${expected}, found ${JSON.stringify(found)}`);
}

function asked<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    asTheirs(error);
  }
}
