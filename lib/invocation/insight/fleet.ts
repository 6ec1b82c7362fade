/** One function as a runner announces it. */
export interface AnnouncedFunction {
  readonly name: string;
  /** Undefined where it is not known: the function is broken. */
  readonly queue?: string;
  readonly version?: string;
  readonly state: string;
  readonly detail?: string;
  /** Messages that the runner has. */
  readonly running: number;
  /** When the newest message that it received was published, milliseconds since 1970. */
  readonly newest?: number;
  /** Invocations that ended in the last minute, and how many of them failed. */
  readonly perMinute: number;
  readonly failedPerMinute: number;
}

/** What a runner says of itself. Times are milliseconds since 1970. */
export interface Announcement {
  /** Unique for each start. */
  readonly id: string;
  readonly name: string;
  readonly host: string;
  /** Warren's version. */
  readonly version: string;
  readonly startedAt: number;
  readonly functions: readonly AnnouncedFunction[];
  /** Messages that it put into retry queues and that are not back yet, by their queue. */
  readonly heldBack?: readonly AnnouncedHeldBack[];
}

/** Messages of one queue that wait for the same delay. */
export interface AnnouncedHeldBack {
  readonly queue: string;
  /** Milliseconds. */
  readonly delay: number;
  readonly count: number;
}

/** A runner, as it announces itself through the broker. Times are milliseconds since 1970. */
export interface AnnouncedRunner extends Announcement {
  /** When it was last heard. */
  readonly seenAt: number;
  /** It did not say goodbye and has not been heard for a while. */
  readonly gone: boolean;
  /** This very runner. */
  readonly self: boolean;
}

/** The answer of one runner. */
export interface FleetAnswer<T> {
  /** Its name. */
  readonly runner: string;
  readonly value: T;
  /** How many items at the end of a list were left out, since the answer was too large. */
  readonly leftOut?: number;
}

/** What the runners answered. */
export interface FleetAnswers<T> {
  readonly answers: readonly FleetAnswer<T>[];
  /** Names of runners that did not answer in time, or could not. */
  readonly silent: readonly string[];
}

/** All runners that share a broker and a virtual host. */
export interface Fleet {
  /** This runner first; those that are gone last. */
  runners(): readonly AnnouncedRunner[];
  /**
   * Asks every runner, this one included. Without a connection only this one answers, and the others are silent.
   *
   * @param limit milliseconds to wait for answers. @default 1_000
   */
  ask<T>(
    question: string,
    payload: unknown,
    options?: { limit?: number; signal?: AbortSignal },
  ): Promise<FleetAnswers<T>>;
  /**
   * Answers a question of that name. What it returns, or its promise resolves to, must be JSON. A list that is too large for
   * one answer, or a list in `items`, is cut at its end; anything else that is too large is no answer.
   */
  answer(question: string, answer: (payload: unknown) => unknown): void;
}

/** What runners tell each other without being asked. */
export interface FleetNews {
  /**
   * Tells every other runner, or one of them alone. Nothing says whether it arrives.
   *
   * @param value JSON
   * @param to the address of one runner, as `hear()` gave it
   * @returns false without a connection
   */
  tell(topic: string, value: unknown, to?: string): boolean;
  /** Calls `heard` with what others tell of a topic, and with the address of the one who tells it. */
  hear(topic: string, heard: (value: unknown, from: string) => void): void;
}
