import { assertEquals } from "@std/assert";
import { noOutcomes } from "../../../lib/invocation/outcome.ts";
import { MinuteRates } from "../../../lib/runner/fleet/minute_rates.ts";

/** A function whose totals are looked at every 2.5 seconds. */
class Counted {
  now = 0;
  counts = noOutcomes();
  readonly rates = new MinuteRates({ now: () => this.now });

  /** Lets time pass, with so many messages at each look; gives the rate then. */
  pass(seconds: number, { completed = 0, failed = 0 } = {}) {
    let rate = this.look();
    const end = this.now + seconds * 1_000;
    while (this.now < end) {
      this.now += 2_500;
      this.counts.completed += completed;
      this.counts.failed += failed;
      rate = this.look();
    }
    return rate;
  }

  look() {
    return this.rates.of(new Map([["a", this.counts]])).get("a");
  }
}

Deno.test("the rate is what ended in the last minute, and falls to nothing a minute after the last message", () => {
  const counted = new Counted();
  assertEquals(counted.pass(10, { completed: 3, failed: 1 }), { ended: 16, failed: 4 });
  assertEquals(counted.pass(600, { completed: 3, failed: 1 }), { ended: 96, failed: 24 });
  assertEquals(counted.pass(30), { ended: 48, failed: 12 });
  assertEquals(counted.pass(35), { ended: 0, failed: 0 });
});

Deno.test("what ended before the first look counts", () => {
  const counted = new Counted();
  counted.counts.completed = 5;
  assertEquals(counted.look(), { ended: 5, failed: 0 });
});

Deno.test("many looks in a moment change nothing", () => {
  const counted = new Counted();
  counted.pass(60, { completed: 1 });
  for (let look = 0; look < 1_000; look++) counted.look();
  assertEquals(counted.look(), { ended: 24, failed: 0 });
});

Deno.test("a function that is bound anew begins from zero, and one that is gone is forgotten", () => {
  const counted = new Counted();
  counted.pass(60, { completed: 10 });
  counted.counts = { ...noOutcomes(), completed: 2 };
  assertEquals(counted.look(), { ended: 2, failed: 0 });
  assertEquals(counted.rates.of(new Map()).size, 0);
});
