import { type Rate, RateLimit } from "./rate_limit.ts";

/** What waits for its turn: told to start, or to give its message back. */
export interface Applicant {
  start(): void;
  giveBack(): void;
}

/** Who may start when: as many at once, and as many in a time, as a function says. The others wait, in their order. */
export class Admission {
  #concurrency: number;
  #rate: Rate | undefined;
  #limit: RateLimit | undefined;
  readonly #waiting: Applicant[] = [];
  #running = 0;
  #open = true;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(concurrency: number, rate: Rate | undefined) {
    this.#concurrency = concurrency;
    this.#rate = rate;
    this.#limit = rate && new RateLimit(rate);
  }

  /** Other bounds from now on. */
  become(concurrency: number, rate: Rate | undefined): void {
    this.#concurrency = concurrency;
    if (rate?.limit !== this.#rate?.limit || rate?.per !== this.#rate?.per) this.#limit = rate && new RateLimit(rate);
    this.#rate = rate;
    this.#admit();
  }

  get running(): number {
    return this.#running;
  }

  apply(applicant: Applicant): void {
    if (!this.#open) return applicant.giveBack();
    this.#waiting.push(applicant);
    this.#admit();
  }

  /** One that was started is done. */
  leave(): void {
    this.#running--;
    this.#admit();
  }

  /** Nobody starts any more, and who waits gives back. */
  close(): void {
    this.#open = false;
    clearTimeout(this.#timer);
    for (const applicant of this.#waiting.splice(0)) applicant.giveBack();
  }

  reopen(): void {
    this.#open = true;
  }

  #admit(): void {
    while (this.#open && this.#waiting.length > 0 && this.#running < this.#concurrency) {
      const wait = this.#limit?.take() ?? 0;
      if (wait > 0) {
        clearTimeout(this.#timer);
        this.#timer = setTimeout(() => this.#admit(), wait);
        return;
      }
      this.#running++;
      this.#waiting.shift()!.start();
    }
  }
}
