import { assert, assertEquals } from "@std/assert";
import { Nudge } from "../../../lib/broker/server/nudge.ts";

/** A nudge with a clock of its own. */
class Nudged {
  time = 0;
  stalled = true;
  readonly nudges: number[] = [];
  readonly nudge = new Nudge({
    stalled: () => this.stalled,
    nudge: () => void this.nudges.push(this.time),
    now: () => this.time,
    later: (callback, milliseconds) => void this.#timers.push({ at: this.time + milliseconds, callback }),
  });
  #timers: { at: number; callback: () => void }[] = [];

  pass(milliseconds: number): void {
    for (const until = this.time + milliseconds; this.time < until;) {
      this.time = Math.min(until, ...this.#timers.map(({ at }) => at));
      const due = this.#timers.filter(({ at }) => at <= this.time);
      this.#timers = this.#timers.filter(({ at }) => at > this.time);
      for (const { callback } of due) callback();
    }
  }

  /** The client sends something that gets no answer, and then nothing for so long. */
  read(silence: number): void {
    this.nudge.received();
    this.nudge.unanswered();
    this.pass(silence);
  }
}

Deno.test("a client that falls silent after a publish is nudged once, after a moment", () => {
  const client = new Nudged();
  client.read(40);
  assertEquals(client.nudges, [1]);
});

Deno.test("a client that goes on sending is not nudged", () => {
  const client = new Nudged();
  for (let reads = 0; reads < 100; reads++) client.read(0.5);
  client.stalled = false;
  client.pass(100);
  assertEquals(client.nudges, []);
});

Deno.test("a client that got something meanwhile, or has no work, is not nudged", () => {
  const client = new Nudged();
  client.stalled = false;
  client.read(40);
  assertEquals(client.nudges, []);
});

Deno.test("a client that is freed by it is nudged at every stall", () => {
  const client = new Nudged();
  for (let reads = 0; reads < 100; reads++) client.read(1.2);
  assertEquals(client.nudges.length, 100);
});

Deno.test("a client that is only slow is nudged more and more rarely", () => {
  const client = new Nudged();
  for (let reads = 0; reads < 10_000; reads++) client.read(40);
  assert(client.nudges.length < 20, `${client.nudges.length} nudges`);
});

Deno.test("a client that was slow for a while is helped again where it stalls", () => {
  const client = new Nudged();
  for (let reads = 0; reads < 100; reads++) client.read(40);
  const before = client.nudges.length;
  for (let reads = 0; reads < 1_000; reads++) client.read(client.nudges.length > before ? 1.2 : 40);
  assert(client.nudges.length - before > 800, `${client.nudges.length - before} nudges`);
});
