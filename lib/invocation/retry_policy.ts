import type { RetryPolicy } from "./definition/definition.ts";
import type { Disposition, Outcome } from "./outcome.ts";

/** Milliseconds. Delays are implemented by queues with a fixed TTL; a shorter delay is not worth one. */
const MIN_RUNG = 10;
/** The longest delay that a configuration can set: 30 days. */
const MAX_RUNG = 30 * 24 * 60 * 60_000;

/**
 * Decides what happens to a delivery. A pure function of how its invocation ended.
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
 * The delay after the given attempt, in milliseconds. The jitter has only three steps (shorter, none, longer), so that
 * a policy needs a handful of queues and not one per message.
 */
export function backoff(attempt: number, policy: RetryPolicy, random: () => number): number {
  if (policy.delays) return policy.delays[Math.min(attempt, policy.delays.length) - 1];
  const base = Math.min(policy.delay * policy.multiplier ** (attempt - 1), policy.maxDelay);
  const step = Math.floor(random() * 3) - 1;
  return base * (1 + step * policy.jitter);
}

/** The longest delay after the given attempt, in milliseconds, unless the handler asks for a longer one. */
export function longestDelay(attempt: number, policy: RetryPolicy): number {
  return Math.min(toRung(backoff(attempt, policy, () => 0.999)), policy.maxDelay);
}

/**
 * Rounds a delay to two significant digits: within 5 % of the given one, and few enough values to have a queue for
 * each.
 */
export function toRung(delay: number): number {
  if (!(delay >= MIN_RUNG)) return delay > 0 ? MIN_RUNG : 0;
  const unit = 10 ** (Math.floor(Math.log10(delay)) - 1);
  return Math.round(delay / unit) * unit;
}

/**
 * All delays that `decide()` can return for this policy, in ascending order, in milliseconds. 0 means no delay queue.
 */
export function rungsOf(policy: RetryPolicy): number[] {
  const rungs = new Set<number>();
  let last = -1;
  for (let attempt = 1; attempt < policy.attempts; attempt++) {
    const middle = backoff(attempt, policy, () => 0.5);
    // All further delays equal this one.
    if (!policy.delays && middle === last) break;
    last = middle;
    for (const random of [0, 0.5, 0.999]) {
      rungs.add(toRung(Math.min(backoff(attempt, policy, () => random), policy.maxDelay)));
    }
  }
  return [...rungs].filter((rung) => rung > 0).sort((a, b) => a - b);
}

/** All possible delays: two significant digits, up to 30 days. */
export function allRungs(): number[] {
  const rungs = new Set<number>();
  for (let unit = 1; unit * 10 <= MAX_RUNG; unit *= 10) {
    for (let digits = 10; digits < 100; digits++) {
      if (digits * unit <= MAX_RUNG) rungs.add(digits * unit);
    }
  }
  return [...rungs, toRung(MAX_RUNG)];
}
