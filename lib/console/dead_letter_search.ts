import type { DeadLetter } from "../invocation/dead_letters/dead_letter.ts";
import type { DeadLetterBox, Sweep } from "../invocation/dead_letters/dead_letter_box.ts";
import { type DeadLetterFilter, nameAndValue, readFilter } from "../invocation/dead_letters/dead_letter_filter.ts";
import { failureKind } from "../invocation/dead_letters/failure_kind.ts";

/** How a page asks for dead letters; the names are those of its form. Empty where nothing was typed. */
export type DeadLetterSearch = Readonly<Record<typeof FIELDS[number], string>>;

const FIELDS = ["text", "reason", "error", "header", "olderThan", "newerThan", "id", "kind"] as const;
const MOST_TEXT = 500;
/** So many are shown of those that were found. */
const MOST_SHOWN = 100;
/** Kinds of failures that are counted; where each failure is one of its own, groups help nobody. */
const MOST_KINDS = 1_000;
/** Milliseconds for a look: what is not looked at by then is said on the page. */
const LOOK = 5_000;

export function readDeadLetterSearch(value: (name: string) => string | undefined): DeadLetterSearch {
  const entries = FIELDS.map((name) => [name, (value(name) ?? "").trim().slice(0, MOST_TEXT)]);
  return Object.fromEntries(entries) as DeadLetterSearch;
}

/** @throws {WarrenError} `config`, with what was typed and what was expected */
export function filterOf(search: DeadLetterSearch): DeadLetterFilter {
  const { header, text, kind, ...rest } = search;
  const typed = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== ""));
  const headers = header === "" ? {} : Object.fromEntries([nameAndValue(header)]);
  return { ...readFilter({ ...typed, headers }), text: text || undefined, kind: kind || undefined };
}

/** Dead letters that failed alike. */
export interface LetterKind {
  readonly kind: string;
  readonly count: number;
  readonly first: Date | undefined;
  readonly last: Date | undefined;
}

/** What a look at dead letters found. */
export interface FoundLetters {
  /** The oldest of those that match. */
  readonly letters: readonly DeadLetter[];
  readonly kinds: readonly LetterKind[];
  readonly sweep: Sweep;
}

export interface LookOptions {
  readonly signal: AbortSignal;
  /** Milliseconds. @default 5_000 */
  readonly limit?: number;
}

/**
 * Looks through the dead letters from the oldest on, for some seconds. Only those that are shown are kept, the others are
 * counted by the kind of their failure.
 */
export async function lookAt(
  box: DeadLetterBox,
  filter: DeadLetterFilter,
  options: LookOptions,
): Promise<FoundLetters> {
  const letters: DeadLetter[] = [];
  const kinds = new Map<string, { count: number; first: Date | undefined; last: Date | undefined }>();
  const signal = AbortSignal.any([options.signal, AbortSignal.timeout(options.limit ?? LOOK)]);
  const sweep = await box.list((letter) => {
    // A shown row needs the beginning of the body, and a large body is not to stay in memory.
    if (letters.length < MOST_SHOWN) letters.push({ ...letter, body: letter.body.slice(0, MOST_TEXT) });
    const kind = failureKind(letter.errorType, letter.error);
    if (kinds.size >= MOST_KINDS && !kinds.has(kind)) return;
    const { count, first, last } = kinds.get(kind) ?? { count: 0, first: undefined, last: undefined };
    kinds.set(kind, { count: count + 1, first: earlier(first, letter.failedAt), last: later(last, letter.failedAt) });
  }, { filter, signal });
  const sorted = [...kinds].map(([kind, found]) => ({ kind, ...found })).sort((a, b) => b.count - a.count);
  return { letters, kinds: sorted, sweep };
}

function earlier(a: Date | undefined, b: Date | undefined): Date | undefined {
  return a && b ? a < b ? a : b : a ?? b;
}

function later(a: Date | undefined, b: Date | undefined): Date | undefined {
  return a && b ? a > b ? a : b : a ?? b;
}
