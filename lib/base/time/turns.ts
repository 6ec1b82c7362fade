/** Milliseconds of work in one turn of the event loop, whoever it is for. Timers and sockets wait no longer. */
const TURN = 20;
/** Milliseconds for one client while others wait. */
const SLICE = 4;
/** Milliseconds that the system takes for one read, roughly. */
const READ = 0.02;
/** The clock is read once in so many units of work. */
const UNITS = 32;
/** Milliseconds that one step may take longer than its slice before it is cut short too. */
const GRACE = 8;
/** Milliseconds for which the work of a client is remembered. */
const MEMORY = 1_000;

export interface TurnsOptions {
  /** Milliseconds. @default performance.now() */
  now?: () => number;
  /** Calls back in a later turn, after timers and sockets. @default a timer, since immediates keep sockets waiting */
  later?: (callback: () => void) => void;
}

/** The work that was done for one client lately. */
export class Share {
  used = 0;
  since = 0;
}

interface Waiting {
  share: Share;
  job: () => void;
  resolve: () => void;
  reject: (error: unknown) => void;
}

/**
 * Divides the turns of the event loop among clients. A read of a socket that has data resolves within the turn, so a
 * loop that reads and works can hold a turn for as long as its client sends, and nothing else runs meanwhile: no timer,
 * no heartbeat, no other client.
 *
 * 1. Work is done in jobs. A job asks `goOn()` after each step and ends when the answer is no.
 * 2. When the jobs of one turn have taken `TURN` together, the others wait for the next turn.
 * 3. Whoever used the least time lately goes first, so a quiet client does not wait behind busy ones.
 */
export class Turns {
  /** Called at the begin of a turn that follows a full one. */
  onTurn: () => void = () => {};
  readonly #now: () => number;
  readonly #later: (callback: () => void) => void;
  #waiting: Waiting[] = [];
  #running = false;
  #full = false;
  #stopped = false;
  #spent = 0;
  #units = 0;
  #until = Infinity;
  /** By how much the job is late. */
  #late = -Infinity;

  constructor({ now = () => performance.now(), later = (callback) => setTimeout(callback, 0) }: TurnsOptions = {}) {
    this.#now = now;
    this.#later = later;
  }

  /** Runs the job now if there is time, else in one of the next turns; then it resolves, or rejects as the job throws. */
  run(share: Share, job: () => void): Promise<void> | undefined {
    if (this.#stopped) return undefined;
    if (this.#running) {
      job();
      return undefined;
    }
    if (!this.#full && this.#waiting.length === 0) {
      this.#do(share, job);
      return undefined;
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting.push({ share, job, resolve, reject });
    return promise;
  }

  /** Counts work that was done; whether the job that runs may go on. */
  goOn(units = 1): boolean {
    this.#units += units;
    if (this.#units >= UNITS) {
      this.#units = 0;
      if (this.#running) this.#late = this.#now() - this.#until;
    }
    return this.#late < 0;
  }

  /** Whether the job that runs has taken so long that even the step it is in must end. */
  get overdue(): boolean {
    return this.#late > GRACE;
  }

  /** No further job is run. */
  stop(): void {
    this.#stopped = true;
    for (const { resolve } of this.#waiting.splice(0)) resolve();
  }

  #do(share: Share, job: () => void): void {
    const started = this.#now();
    this.#running = true;
    this.#until = started + (this.#waiting.length > 0 ? SLICE : TURN - this.#spent);
    this.#units = 0;
    try {
      job();
    } finally {
      const ended = this.#now();
      this.#running = false;
      this.#late = -Infinity;
      this.#spent += ended - started + READ;
      if (ended - share.since > MEMORY) {
        share.since = ended;
        share.used = 0;
      }
      share.used += ended - started + READ;
      if (this.#spent >= TURN) this.#end();
    }
  }

  #end(): void {
    if (this.#full) return;
    this.#full = true;
    this.#later(() => this.#next());
  }

  #next(): void {
    this.#full = false;
    this.#spent = 0;
    if (this.#stopped) return;
    this.onTurn();
    const waiting = this.#waiting.sort((a, b) => a.share.used - b.share.used);
    let done = 0;
    while (done < waiting.length && !this.#full) {
      const { share, job, resolve, reject } = waiting[done++];
      try {
        this.#do(share, job);
        resolve();
      } catch (error) {
        reject(error);
      }
    }
    this.#waiting = waiting.slice(done);
  }
}
