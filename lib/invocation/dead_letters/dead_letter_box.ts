import type { DeadLetter } from "./dead_letter.ts";
import type { DeadLetterFilter } from "./dead_letter_filter.ts";

/** Selects dead letters, and stops early. */
export interface SweepOptions {
  /** @default {} (all) */
  filter?: DeadLetterFilter;
  /** The most messages to handle. @default all that exist at the start */
  limit?: number;
  /** Only counts the messages. @default false */
  dryRun?: boolean;
  /** When it aborts, work in progress finishes and nothing more is started. */
  signal?: AbortSignal;
  /** Called after each message. */
  onProgress?: (sweep: Sweep) => void;
}

export interface RedriveOptions extends SweepOptions {
  /** Maximum number per second. @default Infinity */
  rate?: number;
}

/** The result for a set of dead letters. */
export interface Sweep {
  /** The number of dead letters at the start. */
  readonly depth: number;
  readonly looked: number;
  readonly matched: number;
  /** Redriven, edited or purged. */
  readonly done: number;
  /** Selected but not changed: their headers cannot be read, or leave no room in a frame for another one. */
  readonly unreadable: number;
  /** Why it stopped early: too many messages to hold, or the signal. */
  readonly stopped: "window" | "signal" | undefined;
}

/** The changes for `edit`. Everything else is kept. */
export interface DeadLetterEdit {
  body?: Uint8Array;
  contentType?: string;
  /** `null` removes the header. */
  headers?: Record<string, string | number | boolean | null>;
}

/** The dead letters of one queue. */
export interface DeadLetterBox {
  /** The name of the queue that holds them. */
  readonly queue: string;
  /** Passes each one to `onLetter`, the oldest first. They stay in the queue. */
  list(onLetter: (letter: DeadLetter) => void, options?: SweepOptions): Promise<Sweep>;
  /** @throws {WarrenError} `missing` */
  find(id: string, options?: { signal?: AbortSignal }): Promise<DeadLetter>;
  redrive(options?: RedriveOptions): Promise<Sweep>;
  /** @throws {WarrenError} `missing`; `undecodable` if the new body would not match its content type */
  edit(id: string, change: DeadLetterEdit, options?: { signal?: AbortSignal }): Promise<void>;
  purge(options?: SweepOptions): Promise<Sweep>;
}
