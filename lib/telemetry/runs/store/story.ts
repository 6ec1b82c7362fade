import type { RunSummary } from "../../../invocation/insight/run.ts";

/** Runs that a story has at most, and generations. */
const MAX_RUNS = 500;
const MAX_ROUNDS = 50;

/** Message ids whose runs are wanted: those of the message and of what it came from, and those of what came of it. */
export interface StoryAsk {
  /** Their runs alone, and those of their parents. */
  readonly up: readonly string[];
  /** Their runs and all that they gave rise to. */
  readonly down: readonly string[];
}

/** Where runs are looked up. */
export interface StorySource {
  related(column: "message" | "parent", messageId: string, limit: number): RunSummary[];
}

/** What one runner knows of a story. */
export interface StoryPart extends StoryAsk {
  readonly runs: readonly RunSummary[];
}

/**
 * All runs of a message, of the messages that it came from and of those that it gave rise to, as far as one runner knows
 * them. The ids that were met are in the answer: other runners may know more of them, so whoever asks several asks again
 * until no answer has a new id.
 */
export function tell(source: StorySource, ask: StoryAsk, limit = MAX_RUNS): StoryPart {
  const runs = new Map<string, RunSummary>();
  const up = climb(source, ask.up, runs, limit);
  const down = descend(source, ask.down, runs, limit);
  return { runs: inOrder([...runs.values()]), up, down };
}

/** Oldest first. */
export function inOrder(runs: readonly RunSummary[]): RunSummary[] {
  return runs.toSorted((a, b) => a.startedAt - b.startedAt || (a.id < b.id ? -1 : 1));
}

function climb(source: StorySource, ids: readonly string[], runs: Map<string, RunSummary>, limit: number): string[] {
  return closure(ids, (id) => {
    const found = source.related("message", id, limit - runs.size);
    for (const run of found) runs.set(run.id, run);
    return found.map(({ parentId }) => parentId).filter((parent) => parent !== undefined);
  });
}

function descend(source: StorySource, ids: readonly string[], runs: Map<string, RunSummary>, limit: number): string[] {
  return closure(ids, (id) => {
    const room = limit - runs.size;
    if (room <= 0) return [];
    const own = source.related("message", id, room);
    const children = source.related("parent", id, room);
    for (const run of [...own, ...children].slice(0, room)) runs.set(run.id, run);
    const born = children.map(({ messageId }) => messageId).filter((child) => child !== undefined);
    // What another runner ran is known here by its id alone.
    return [...own.flatMap(({ published }) => published), ...born];
  });
}

/** The ids and all that they lead to. */
function closure(ids: readonly string[], next: (id: string) => string[]): string[] {
  const seen = new Set(ids);
  let fresh = [...ids];
  for (let round = 0; fresh.length > 0 && round < MAX_ROUNDS; round++) {
    const found = fresh.flatMap(next).filter((id) => !seen.has(id));
    fresh = [...new Set(found)];
    for (const id of fresh) seen.add(id);
  }
  return [...seen];
}
