import type { RetryPolicy } from "./definition/definition.ts";
import type { Disposition, Outcome } from "./outcome.ts";

/** A delay is waited out in a queue with a fixed TTL; below this it is not worth one. */
const MIN_RUNG = 10;
/** No configuration asks for more: 30 days. */
const MAX_RUNG = 30 * 24 * 60 * 60_000;

/**
 * What becomes of a delivery: a pure function of how its invocation ended.
 *
 * @param random from 0 (inclusive) to 1 (exclusive), for the jitter
 */
export function decide(outcome: Outcome, attempt: number, policy: RetryPolicy, random = Math.random): Disposition {
  switch (outcome.kind) {
    case "completed":
      return { kind: "ack" };
    case "abandoned":
      return { kind: "requeue" };
    case "rejected":
    case "undecodable":
    case "invalid":
      return { kind: "deadLetter", reason: outcome.kind, failure: outcome.failure };
    case "failed":
    case "timedOut":
    case "crashed": {
      const { kind: reason, failure } = outcome;
      const final = outcome.kind === "crashed" && outcome.final;
      if (final || attempt >= Math.max(1, policy.attempts)) return { kind: "deadLetter", reason, failure };
      const asked = outcome.kind === "failed" ? outcome.delay : undefined;
      const delay = asked ?? backoff(attempt, policy, random);
      return { kind: "retry", delay: toRung(Math.min(delay, policy.maxDelay)), attempt: attempt + 1, failure };
    }
  }
}

/**
 * The delay after the given attempt, in milliseconds. The jitter has three steps
 * (less, none, more), so that a policy needs a handful of queues and not one a message.
 */
export function backoff(attempt: number, policy: RetryPolicy, random: () => number): number {
  if (policy.delays) return policy.delays[Math.min(attempt, policy.delays.length) - 1];
  const base = Math.min(policy.delay * policy.multiplier ** (attempt - 1), policy.maxDelay);
  const step = Math.floor(random() * 3) - 1;
  return base * (1 + step * policy.jitter);
}

/** No delay after the given attempt is longer, in milliseconds, unless the handler asks for one. */
export function longestDelay(attempt: number, policy: RetryPolicy): number {
  return Math.min(toRung(backoff(attempt, policy, () => 0.999)), policy.maxDelay);
}

/**
 * The nearest delay that has two significant digits: within 5 % of what was
 * asked for, and few enough values for each to be a queue.
 */
export function toRung(delay: number): number {
  if (!(delay >= MIN_RUNG)) return delay > 0 ? MIN_RUNG : 0;
  const unit = 10 ** (Math.floor(Math.log10(delay)) - 1);
  return Math.round(delay / unit) * unit;
}

/** Every delay that `decide()` can give with this policy by itself, rising, in milliseconds; 0 waits nowhere. */
export function rungsOf(policy: RetryPolicy): number[] {
  const rungs = new Set<number>();
  let last = -1;
  for (let attempt = 1; attempt < policy.attempts; attempt++) {
    const middle = backoff(attempt, policy, () => 0.5);
    // From here on, each is as the one before.
    if (!policy.delays && middle === last) break;
    last = middle;
    for (const random of [0, 0.5, 0.999]) {
      rungs.add(toRung(Math.min(backoff(attempt, policy, () => random), policy.maxDelay)));
    }
  }
  return [...rungs].filter((rung) => rung > 0).sort((a, b) => a - b);
}

/** Every delay that there can be at all: two significant digits, up to 30 days. */
export function allRungs(): number[] {
  const rungs = new Set<number>();
  for (let unit = 1; unit * 10 <= MAX_RUNG; unit *= 10) {
    for (let digits = 10; digits < 100; digits++) {
      if (digits * unit <= MAX_RUNG) rungs.add(digits * unit);
    }
  }
  return [...rungs, toRung(MAX_RUNG)];
}
