/** The longest time that a platform timer can wait. */
const LONGEST = 2 ** 31 - 1;

/** Calls back once the wall clock reaches the earliest requested time. */
export class Timer {
  readonly #callback: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #due = Infinity;

  constructor(callback: () => void) {
    this.#callback = callback;
  }

  /** Does nothing if an earlier time is already set. */
  at(due: number): void {
    if (due >= this.#due) return;
    clearTimeout(this.#timer);
    this.#due = due;
    this.#timer = setTimeout(() => this.#fire(), Math.min(Math.max(due - Date.now(), 0), LONGEST));
  }

  clear(): void {
    clearTimeout(this.#timer);
    this.#due = Infinity;
  }

  #fire(): void {
    const due = this.#due;
    this.#due = Infinity;
    if (due > Date.now()) this.at(due);
    else this.#callback();
  }
}
