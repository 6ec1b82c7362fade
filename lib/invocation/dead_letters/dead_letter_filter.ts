import { parseDuration } from "../../base/time/duration.ts";
import { WarrenError } from "../../base/errors.ts";
import { nearest } from "../../base/nearest.ts";
import type { DeadLetter } from "./dead_letter.ts";
import { failureKind } from "./failure_kind.ts";
import { headerText } from "../content/header_text.ts";
import { noOutcomes } from "../outcome.ts";

/** Selects the dead letters that match all of these fields. */
export interface DeadLetterFilter {
  readonly reason?: string;
  /** A part of the error's type or message. Case is ignored. */
  readonly error?: string;
  /** It failed at least this long ago; milliseconds. */
  readonly olderThan?: number;
  /** It failed at most this long ago; milliseconds. */
  readonly newerThan?: number;
  readonly function?: string;
  /** Header values as text. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The message id. */
  readonly id?: string;
  /** One of these message ids. */
  readonly ids?: readonly string[];
  /** The kind of its failure, as `failureKind()` returns it. */
  readonly kind?: string;
  /** A part of the id, the error, a header or the body. Case is ignored. */
  readonly text?: string;
}

/** Bytes of a body that are searched for a text. */
const MAX_SEARCHED = 1_000_000;

/** Whether the filter is empty, so that it selects all. */
export function meansAll(filter: DeadLetterFilter): boolean {
  const { headers = {}, ...others } = filter;
  // An empty list of ids selects none, and never all.
  return Object.keys(headers).length === 0 && Object.values(others).every((value) => value === undefined);
}

export function matches(filter: DeadLetterFilter, letter: DeadLetter, now = Date.now()): boolean {
  const { reason, error, olderThan, newerThan, headers, id } = filter;
  if (id !== undefined && letter.id !== id) return false;
  if (filter.ids && (letter.id === undefined || !filter.ids.includes(letter.id))) return false;
  if (reason !== undefined && letter.reason !== reason) return false;
  if (filter.function !== undefined && letter.function !== filter.function) return false;
  // A message without a failure time matches no age.
  const age = letter.failedAt ? now - letter.failedAt.getTime() : NaN;
  if (olderThan !== undefined && !(age >= olderThan)) return false;
  if (newerThan !== undefined && !(age <= newerThan)) return false;
  if (error !== undefined && !hasError(letter, error)) return false;
  if (filter.kind !== undefined && failureKind(letter.errorType, letter.error) !== filter.kind) return false;
  if (filter.text !== undefined && !hasText(letter, filter.text)) return false;
  return Object.entries(headers ?? {}).every(([name, value]) =>
    Object.hasOwn(letter.headers, name) && headerText(letter.headers[name]) === value
  );
}

function hasError({ errorType = "", error = "" }: DeadLetter, part: string): boolean {
  return [errorType, error].some((text) => text.toLowerCase().includes(part.toLowerCase()));
}

/** Searches the body as text, and only the first megabyte of a large one. */
function hasText(letter: DeadLetter, part: string): boolean {
  const { id = "", errorType = "", error = "", headers, body } = letter;
  const wanted = part.toLowerCase();
  const values = Object.values(headers).map((value) => headerText(value) ?? "");
  if ([id, errorType, error, ...values].some((text) => text.toLowerCase().includes(wanted))) return true;
  return new TextDecoder().decode(body.subarray(0, MAX_SEARCHED)).toLowerCase().includes(wanted);
}

/** The filter as a user typed or sent it. */
export interface FilterText {
  reason?: string;
  error?: string;
  olderThan?: string;
  newerThan?: string;
  function?: string;
  id?: string;
  headers?: Record<string, string>;
}

/** @throws {WarrenError} `config`, with the value and what was expected */
export function readFilter(given: FilterText): DeadLetterFilter {
  const { headers = {}, ...texts } = given;
  for (const [name, text] of Object.entries(texts)) {
    if (text === "") throw new WarrenError("config", `the filter ${name} is empty; leave it out to mean all`);
  }
  return {
    ...texts,
    reason: readReason(given.reason),
    olderThan: given.olderThan === undefined ? undefined : parseDuration(given.olderThan),
    newerThan: given.newerThan === undefined ? undefined : parseDuration(given.newerThan),
    headers,
  };
}

function readReason(reason: string | undefined): string | undefined {
  const known = Object.keys(noOutcomes()).filter((kind) => kind !== "completed");
  if (reason === undefined || known.includes(reason)) return reason;
  const near = nearest(reason, known);
  const hint = near ? `did you mean ${near}?` : `expected ${known.join(", ")}`;
  throw new WarrenError("config", `"${reason}" is not a reason; ${hint}`);
}

/** @throws {WarrenError} `config` if there is no `=`, or nothing before it */
export function nameAndValue(text: string): [name: string, value: string] {
  const at = text.indexOf("=");
  if (at < 1) throw new WarrenError("config", `a header is name=value, found "${text}"`);
  return [text.slice(0, at), text.slice(at + 1)];
}

/** @throws {WarrenError} `config` */
export function readCount(name: string, text: string): number {
  const count = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(count) && count > 0) return count;
  throw new WarrenError("config", `${name}: expected a whole number from 1, found "${text}"`);
}

/** @throws {WarrenError} `config` */
export function readRate(name: string, text: string): number {
  const rate = Number(text);
  if (text.trim() !== "" && Number.isFinite(rate) && rate > 0) return rate;
  throw new WarrenError("config", `${name}: expected a number per second, as in 50 or 0.5, found "${text}"`);
}
