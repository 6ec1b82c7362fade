import { describeError } from "../../base/errors.ts";
import type { Fleet, FleetAnswers } from "../../invocation/insight/fleet.ts";
import type { Found } from "../../invocation/insight/operator_view.ts";
import type { ErrorGroup, Run, RunLine, RunQuery, RunSummary } from "../../invocation/insight/run.ts";
import type { RunSource } from "./local_runs.ts";
import { limitOf } from "./store/run_query.ts";
import { inOrder, type StoryAsk, type StoryPart } from "./store/story.ts";

/** How often a story is asked for, while answers name messages that nobody was asked about. */
const MAX_ROUNDS = 5;
/** Ids of runs in an error group. */
const SAMPLES = 5;

/** What a runner answers: a value, or why there is none. */
type Told<T> = { readonly value: T } | { readonly error: string };

interface Merged<T> {
  readonly values: readonly T[];
  readonly silent: readonly string[];
}

/** The runs of all runners that share the broker: each is asked, and the answers are put together. */
export class FleetRuns {
  readonly #fleet: Fleet;

  /** From here on, this runner answers the others. */
  constructor(fleet: Fleet, own: RunSource) {
    this.#fleet = fleet;
    const answer = <T, R>(question: string, find: (payload: T) => Promise<R>) =>
      fleet.answer(
        question,
        (payload): Promise<Told<R>> =>
          find(payload as T).then((value) => ({ value }), (error) => ({ error: describeError(error) })),
      );
    answer("runs", (query: RunQuery) => own.runs(query));
    answer("run", async ({ id }: { id: string }) => await own.run(id) ?? null);
    answer("story", (ask: StoryAsk) => own.story(ask));
    answer("errors", ({ name }: { name?: string }) => own.errors(name));
    answer("lines", (query: { function?: string; limit?: number }) => own.lines(query));
  }

  /** Newest first. A runner that records nothing, or cannot read its records, is among the silent. */
  async runs(query: RunQuery): Promise<Found<RunSummary>> {
    const { values, silent } = await this.#ask<Found<RunSummary>>("runs", query);
    const items = unique(values.flatMap(({ items }) => items)).sort((a, b) => a.id < b.id ? 1 : -1);
    const leftOut = values.reduce((sum, { leftOut = 0 }) => sum + leftOut, 0);
    return { items: items.slice(0, limitOf(query)), silent, since: latest(values), leftOut };
  }

  async run(id: string): Promise<Run | undefined> {
    const { values } = await this.#ask<Run | null>("run", { id });
    return values.find((run) => run !== null) ?? undefined;
  }

  /** Every run of a message, of those that it came from and of those that it gave rise to; oldest first. */
  async story(messageId: string): Promise<Found<RunSummary>> {
    const runs = new Map<string, RunSummary>();
    let silent: readonly string[] = [];
    let ask: StoryAsk = { up: [messageId], down: [messageId] };
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const answered = await this.#ask<StoryPart>("story", ask);
      ({ silent } = answered);
      for (const part of answered.values) for (const run of part.runs) runs.set(run.id, run);
      const known = (key: keyof StoryAsk) => [...new Set(answered.values.flatMap((part) => part[key]))];
      const next: StoryAsk = { up: known("up"), down: known("down") };
      const grown = next.up.length > ask.up.length || next.down.length > ask.down.length;
      // One runner has followed everything itself.
      if (!grown || answered.values.length < 2) break;
      ask = next;
    }
    return { items: inOrder([...runs.values()]), silent };
  }

  /** Groups of the same kind become one. */
  async errors(name?: string): Promise<Found<ErrorGroup>> {
    const { values, silent } = await this.#ask<Found<ErrorGroup>>("errors", { name });
    const groups = new Map<string, ErrorGroup>();
    for (const group of values.flatMap(({ items }) => items)) {
      const other = groups.get(group.key);
      groups.set(group.key, other ? together(other, group) : group);
    }
    const items = [...groups.values()].sort((a, b) => b.lastSeen - a.lastSeen);
    return { items, silent, since: latest(values) };
  }

  /** The newest lines that handlers logged, oldest first. */
  async lines(query: { function?: string; limit?: number }): Promise<Found<RunLine>> {
    const { values, silent } = await this.#ask<Found<RunLine>>("lines", query);
    const items = values.flatMap(({ items }) => items).sort((a, b) => a.line.time - b.line.time);
    return { items: items.slice(-(query.limit ?? 100)), silent };
  }

  async #ask<T>(question: string, payload: unknown): Promise<Merged<T>> {
    const { answers, silent }: FleetAnswers<Told<T>> = await this.#fleet.ask(question, payload);
    const failed = answers.filter(({ value }) => "error" in value).map(({ runner }) => runner);
    const values = answers.flatMap(({ value }) => "value" in value ? [value.value] : []);
    return { values, silent: [...silent, ...failed] };
  }
}

/** Records that two files have, after one was taken over by two runners at once. */
function unique(runs: readonly RunSummary[]): RunSummary[] {
  return [...new Map(runs.map((run) => [run.id, run])).values()];
}

function latest(values: readonly { readonly since?: number }[]): number | undefined {
  const times = values.map(({ since }) => since).filter((since) => since !== undefined);
  return times.length > 0 ? Math.max(...times) : undefined;
}

function together(one: ErrorGroup, other: ErrorGroup): ErrorGroup {
  const newer = one.lastSeen >= other.lastSeen ? one : other;
  return {
    ...newer,
    count: one.count + other.count,
    firstSeen: Math.min(one.firstSeen, other.firstSeen),
    samples: [...one.samples, ...other.samples].sort().reverse().slice(0, SAMPLES),
  };
}
