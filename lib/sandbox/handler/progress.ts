/** Saved before the function's module loads, which may replace them. */
const { setTimeout, clearTimeout, JSON } = globalThis;

/** Maximum length of a value in JSON, in characters. */
export const MAX_PROGRESS = 16_384;
const INTERVAL = 100;

interface Reported {
  /** The latest value, in JSON, and whether it was sent. */
  text: string | undefined;
  sent: boolean;
  followed: boolean;
  /** Until it is called, nothing more is sent. */
  cancel: (() => void) | undefined;
}

export interface ProgressOptions {
  /** Milliseconds between two values of one invocation that are sent. @default 100 */
  interval?: number;
  /** Calls back once; returns what cancels that. @default a timer */
  after?: (ms: number, call: () => void) => () => void;
}

function afterTime(ms: number, call: () => void): () => void {
  const timer = setTimeout(call, ms);
  return () => clearTimeout(timer);
}

/**
 * How far handlers are. Of what is not followed only the latest value is kept; of what is followed the latest value is sent,
 * at most once in an interval.
 */
export class Progress {
  readonly #send: (id: number, text: string) => void;
  readonly #interval: number;
  readonly #after: NonNullable<ProgressOptions["after"]>;
  readonly #reported = new Map<number, Reported>();

  constructor(send: (id: number, text: string) => void, options: ProgressOptions = {}) {
    this.#send = send;
    this.#interval = options.interval ?? INTERVAL;
    this.#after = options.after ?? afterTime;
  }

  report(id: number, text: string): void {
    const reported = this.#of(id);
    reported.text = text;
    reported.sent = false;
    if (reported.followed && !reported.cancel) this.#tell(id, reported);
  }

  /** The latest value is sent now, also if it was sent before: to somebody else. */
  follow(id: number): void {
    const reported = this.#of(id);
    reported.followed = true;
    if (reported.text === undefined) return;
    reported.cancel?.();
    this.#tell(id, reported);
  }

  /** The invocation is over. Its last value is sent before that. */
  end(id: number): void {
    if (this.#reported.size === 0) return;
    const reported = this.#reported.get(id);
    if (!reported) return;
    this.#reported.delete(id);
    reported.cancel?.();
    if (reported.followed && !reported.sent && reported.text !== undefined) this.#send(id, reported.text);
  }

  #tell(id: number, reported: Reported): void {
    reported.sent = true;
    this.#send(id, reported.text!);
    reported.cancel = this.#after(this.#interval, () => {
      reported.cancel = undefined;
      if (!reported.sent) this.#tell(id, reported);
    });
  }

  #of(id: number): Reported {
    let reported = this.#reported.get(id);
    if (!reported) {
      this.#reported.set(id, reported = { text: undefined, sent: false, followed: false, cancel: undefined });
    }
    return reported;
  }
}

/** @throws {TypeError} for what is not JSON; {RangeError} for what is too large */
export function progressText(value: unknown): string {
  const text: string | undefined = JSON.stringify(value);
  if (text === undefined) throw new TypeError(`progress() takes a value that is JSON; it got ${typeof value}`);
  if (text.length <= MAX_PROGRESS) return text;
  throw new RangeError(`progress() takes at most ${MAX_PROGRESS} characters of JSON; it got ${text.length}`);
}
