/** Characters of the time in an id, in base 36: enough until the year 5188. */
const TIME = 9;
const COUNT = 3;
const ORIGIN = 5;
/** Ids of one millisecond; one more takes the next millisecond. */
const MOST = 36 ** COUNT;

/**
 * Makes ids of runs: when, which one in that millisecond, and where from. They sort by time, also among runners whose
 * clocks agree, and two runners never make the same one.
 */
export class RunIds {
  readonly #origin: string;
  #time = 0;
  #count = 0;

  /** @param origin what tells this runner's ids from others'; letters and digits */
  constructor(origin = randomText(ORIGIN)) {
    this.#origin = origin;
  }

  /** @param time milliseconds since 1970 */
  next(time: number): string {
    if (time > this.#time) [this.#time, this.#count] = [time, 0];
    else if (++this.#count === MOST) [this.#time, this.#count] = [this.#time + 1, 0];
    return firstIdAt(this.#time) + this.#count.toString(36).padStart(COUNT, "0") + this.#origin;
  }
}

/** Sorts before every id of that time or later, and after every earlier one. */
export function firstIdAt(time: number): string {
  return Math.max(0, Math.floor(time)).toString(36).padStart(TIME, "0");
}

/** The time that an id was made at, milliseconds since 1970; NaN if it is not an id. */
export function timeOfId(id: string): number {
  return parseInt(id.slice(0, TIME), 36);
}

function randomText(length: number): string {
  const bytes = crypto.getRandomValues(new Uint8Array(length));
  return [...bytes].map((byte) => (byte % 36).toString(36)).join("");
}
