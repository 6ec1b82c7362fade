/** Why a queue is paused for all runners. Times are milliseconds since 1970. */
export interface Pause {
  /** Who asked for it, as far as that is known. */
  readonly by?: string;
  readonly at?: number;
  /** When it ends by itself. Undefined: when somebody resumes it. */
  readonly until?: number;
}

/** How a function stands in one runner. */
export interface RunnerStanding {
  readonly runner: string;
  readonly function: string;
  readonly state: string;
  readonly detail?: string;
}

/** What became of a pause or a resume. */
export interface PauseResult {
  readonly standings: readonly RunnerStanding[];
  /** Names of runners that did not answer. They learn of it from the broker, within half a minute after they can. */
  readonly silent: readonly string[];
}
