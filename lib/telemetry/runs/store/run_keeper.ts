import { describeError } from "../../../base/errors.ts";
import type { Run } from "../../../invocation/insight/run.ts";
import { abandoned, openFree, removeRuns } from "./run_files.ts";
import { isBroken, openRuns } from "./run_schema.ts";
import { RunStore } from "./run_store.ts";
import { type StoryAsk, tell } from "./story.ts";

export interface RunKeeperOptions {
  folder: string;
  keep: number;
  /** Milliseconds. */
  age: number;
  /** Milliseconds after which the file of a runner that is gone is taken over. @default 1 hour */
  quiet?: number;
  /** Something that whoever runs Warren should know. */
  onTrouble(text: string): void;
  /** @default Date.now */
  now?: () => number;
}

/** Runs that are kept where there is no file for them. */
const IN_MEMORY = 1_000;
/** Milliseconds between two looks for files of runners that are gone. */
const LOOK_EVERY = 10 * 60_000;

/** The records of one runner: its file in the data folder, and what is done where that fails. */
export class RunKeeper {
  readonly #options: RunKeeperOptions;
  readonly #now: () => number;
  #store: RunStore;
  /** Undefined where the records are in memory alone. */
  #path: string | undefined;
  #lookAt: number;

  constructor(options: RunKeeperOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#store = this.#open();
    this.#lookAt = this.#now();
  }

  /** @throws {Error} where they cannot be written; a broken file is replaced first */
  write(runs: readonly Run[]): void {
    try {
      this.#store.insert(runs);
    } catch (error) {
      if (!isBroken(error)) throw error;
      this.#replace(describeError(error));
      this.#store.insert(runs);
    }
    this.#adoptAbandoned();
  }

  /** Answers a question by its name. */
  ask(question: string, payload: unknown): unknown {
    const ask = Questions[question as Question];
    if (!Object.hasOwn(Questions, question)) throw new Error(`there is no question "${question}"`);
    return ask(this.#store, payload as never);
  }

  close(): void {
    this.#store.close();
  }

  #open(): RunStore {
    const { folder, keep, age, now, onTrouble } = this.#options;
    try {
      return this.#openFile();
    } catch (error) {
      const few = Math.min(keep, IN_MEMORY);
      onTrouble(`run records are only kept in memory, the last ${few}: "${folder}": ${describeError(error)}`);
      return new RunStore(openRuns(":memory:"), { keep: few, age, now });
    }
  }

  #openFile(again = false): RunStore {
    const { folder, keep, age, now } = this.#options;
    const { sqlite, path, broken } = openFree(folder);
    for (const file of broken) this.#sayReplaced(file);
    try {
      const store = new RunStore(sqlite, { keep, age, now });
      this.#path = path;
      return store;
    } catch (error) {
      sqlite.close();
      if (again || !isBroken(error)) throw error;
      removeRuns(path);
      this.#sayReplaced(path);
      return this.#openFile(true);
    }
  }

  #sayReplaced(path: string): void {
    this.#options.onTrouble(`"${path}" held no run records that can be read; it was replaced`);
  }

  #replace(why: string): void {
    this.#store.close();
    if (this.#path !== undefined) removeRuns(this.#path);
    this.#options.onTrouble(`the run records in "${this.#path}" are lost: ${why}`);
    this.#store = this.#open();
  }

  /** Takes over the records of runners that are gone for good. */
  #adoptAbandoned(): void {
    const now = this.#now();
    if (this.#path === undefined || now < this.#lookAt) return;
    this.#lookAt = now + LOOK_EVERY;
    const { folder, quiet = 3_600_000, onTrouble } = this.#options;
    for (const path of abandoned(folder, this.#path, quiet, now)) {
      try {
        this.#store.adopt(path);
        removeRuns(path);
      } catch (error) {
        if (isBroken(error)) removeRuns(path);
        else onTrouble(`the run records in "${path}" cannot be taken over: ${describeError(error)}`);
      }
    }
  }
}

/** What can be asked. Questions and answers are JSON. */
export const Questions = {
  runs: (store: RunStore, query: Parameters<RunStore["runs"]>[0]) => store.runs(query),
  run: (store: RunStore, id: string) => store.run(id),
  story: (store: RunStore, ask: StoryAsk) => tell(store, ask),
  errors: (store: RunStore, name: string | undefined) => store.errors(name),
  lines: (store: RunStore, query: Parameters<RunStore["lines"]>[0]) => store.lines(query),
} as const;

export type Question = keyof typeof Questions;
export type Payload<Q extends Question> = Parameters<typeof Questions[Q]>[1];
export type Answer<Q extends Question> = ReturnType<typeof Questions[Q]>;
