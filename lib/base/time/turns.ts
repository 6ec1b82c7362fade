/**
 * Milliseconds of work per turn of the event loop, for all clients together. Timers and sockets wait no longer than
 * this.
 */
const TURN = 20;
/** Milliseconds of work for one client while others wait. */
const SLICE = 4;
/** Milliseconds that the system needs for one read, roughly. */
const READ = 0.02;
/** The clock is read once per this many units of work. */
const UNITS = 32;
/** Milliseconds by which one step may exceed its slice before it is interrupted. */
const GRACE = 8;
/** Milliseconds for which a client's work is remembered. */
const MEMORY = 1_000;

export interface TurnsOptions {
  /** Milliseconds. @default performance.now() */
  now?: () => number;
  /** Calls back in a later turn, after timers and sockets. @default a timer: immediates would delay sockets */
  later?: (callback: () => void) => void;
}

/** The recent work for one client. */
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
 * 3. The client with the least recent work goes first, so a quiet client does not wait behind busy ones.
 */
export class Turns {
  /** Called at the beginning of a turn that follows a full one. */
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

  /**
   * Runs the job now if there is time, otherwise in a later turn. Resolves when it has run, and rejects if it throws.
   */
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

  /** Counts finished work. Returns whether the current job may continue. */
  goOn(units = 1): boolean {
    this.#units += units;
    if (this.#units >= UNITS) {
      this.#units = 0;
      if (this.#running) this.#late = this.#now() - this.#until;
    }
    return this.#late < 0;
  }

  /** Whether the current job has taken so long that its current step must end too. */
  get overdue(): boolean {
    return this.#late > GRACE;
  }

  /** Runs no further jobs. */
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
