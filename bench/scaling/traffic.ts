/** Seconds. */
export const DAY = 86_400;

/** Messages that come in each second of a day. */
export type Traffic = readonly number[];

/** A stretch of time with more messages. */
interface Burst {
  /** Seconds from midnight. */
  readonly from: number;
  readonly seconds: number;
  /** Messages a second, beside those of the hour. */
  readonly rate: number;
}

const MORNING = 6 * 3600;
const MORNING_RATE = 2;
const AFTERNOON_RATE = 20;
/** Files that arrive at night, a newsletter at noon, and beside them what nobody foresees. */
const KNOWN: readonly Burst[] = [
  { from: 3 * 3600, seconds: 60, rate: 1_000 },
  { from: 12 * 3600, seconds: 600, rate: 150 },
];
const SURPRISES = 12;
const SURPRISE = { seconds: 20, rate: 250 };

/**
 * A bursty day: nothing until six but a batch of 60,000 at three; then two messages a second, and ten times as many in the
 * afternoon; a newsletter that is read at noon, and twelve bursts of 5,000 at random times.
 *
 * @param seed the same one makes the same day
 */
export function burstyDay(seed = 1): Traffic {
  const random = randomNumbers(seed);
  const surprises = Array.from({ length: SURPRISES }, () => ({ from: Math.floor(random() * DAY), ...SURPRISE }));
  const bursts = [...KNOWN, ...surprises];
  return Array.from({ length: DAY }, (_, second) => {
    const day = (1 - Math.cos((second - MORNING) / (DAY - MORNING) * 2 * Math.PI)) / 2;
    let rate = second < MORNING ? 0 : MORNING_RATE + (AFTERNOON_RATE - MORNING_RATE) * day;
    for (const { from, seconds, rate: more } of bursts) if (second >= from && second < from + seconds) rate += more;
    return poisson(rate, random);
  });
}

/** How many come where so many are expected. Many are as good as normally distributed. */
function poisson(expected: number, random: () => number): number {
  if (expected > 30) {
    const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    return Math.max(0, Math.round(expected + Math.sqrt(expected) * normal));
  }
  const limit = Math.exp(-expected);
  let count = 0;
  for (let product = random(); product > limit; product *= random()) count++;
  return count;
}

/** Numbers from 0 (inclusive) to 1 (exclusive), the same for each seed (mulberry32). */
function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
