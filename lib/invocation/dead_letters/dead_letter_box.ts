import type { DeadLetter } from "./dead_letter.ts";
import type { DeadLetterFilter } from "./dead_letter_filter.ts";

/** Which dead letters are meant, and what ends the work early. */
export interface SweepOptions {
  /** @default {} (all) */
  filter?: DeadLetterFilter;
  /** No more than this. @default what is there at the start */
  limit?: number;
  /** Only says how many. @default false */
  dryRun?: boolean;
  /** What is under way is finished, and nothing more is begun. */
  signal?: AbortSignal;
  /** Told after each message. */
  onProgress?: (sweep: Sweep) => void;
}

export interface RedriveOptions extends SweepOptions {
  /** No more than this in a second. @default Infinity */
  rate?: number;
}

/** What became of dead letters. */
export interface Sweep {
  /** How many were there at the start. */
  readonly depth: number;
  readonly looked: number;
  readonly matched: number;
  /** Redriven, edited or purged. */
  readonly done: number;
  /** Matched, but stay where they are: their headers cannot be read, or leave no room in a frame for one more. */
  readonly unreadable: number;
  /** Why it ended before all were looked at: more to hold than it may hold, or the signal. */
  readonly stopped: "window" | "signal" | undefined;
}

/** What `edit` changes; the rest stays. */
export interface DeadLetterEdit {
  body?: Uint8Array;
  contentType?: string;
  /** `null` takes the header away. */
  headers?: Record<string, string | number | boolean | null>;
}

/** The dead letters of one queue. */
export interface DeadLetterBox {
  /** The queue with them. */
  readonly queue: string;
  /** Gives each to `onLetter` as it comes, the oldest first; they stay where they are. */
  list(onLetter: (letter: DeadLetter) => void, options?: SweepOptions): Promise<Sweep>;
  /** @throws {WarrenError} `missing` */
  find(id: string, options?: { signal?: AbortSignal }): Promise<DeadLetter>;
  redrive(options?: RedriveOptions): Promise<Sweep>;
  /** @throws {WarrenError} `missing`; `undecodable` when the body would not be what its content type says */
  edit(id: string, change: DeadLetterEdit, options?: { signal?: AbortSignal }): Promise<void>;
  purge(options?: SweepOptions): Promise<Sweep>;
}
