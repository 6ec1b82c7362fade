import { assertEquals } from "@std/assert";
import { type TrialNote, Trials } from "../../../lib/amqp/order/trials.ts";

/** A queue of notes, which outlives whoever reads it: all that is not acked comes to the next one. */
class Desk {
  readonly #notes = new Map<number, TrialNote>();
  #tag = 0;

  /** A runner that has the partition from now on, and what it is told by its publishes. */
  async reader(): Promise<Trials> {
    const trials: Trials = new Trials({
      publish: (note) => {
        const tag = this.put(note);
        trials.receive(note, tag);
        return Promise.resolve();
      },
      ack: (tag) => void this.#notes.delete(tag),
    });
    for (const [tag, note] of [...this.#notes]) trials.receive(note, tag);
    await trials.read();
    return trials;
  }

  /** From a runner that does not have the partition. */
  tell(note: TrialNote, reader: Trials): void {
    reader.receive(note, this.put(note));
  }

  get size(): number {
    return this.#notes.size;
  }

  get notes(): TrialNote[] {
    return [...this.#notes.values()];
  }

  takeAll(): TrialNote[] {
    const all = this.notes;
    this.#notes.clear();
    return all;
  }

  put(note: TrialNote): number {
    this.#notes.set(++this.#tag, note);
    return this.#tag;
  }
}

Deno.test("a trial without an end is a death of a runner, and each counts", async () => {
  const desk = new Desk();
  for (let deaths = 0; deaths < 3; deaths++) {
    const trials = await desk.reader();
    assertEquals([trials.deaths("m"), trials.deaths("other")], [deaths, 0]);
    await trials.begin("m");
    assertEquals(trials.deaths("m"), deaths, "while it runs here it is alive");
  }
});

Deno.test("a trial that ends leaves no note, and what was known before stays until the message is gone", async () => {
  const desk = new Desk();
  await (await desk.reader()).begin("m");
  const trials = await desk.reader();
  await trials.begin("m");
  trials.end("m");
  assertEquals([(await desk.reader()).deaths("m"), desk.size], [1, 1]);
  trials.clear("m");
  assertEquals(desk.size, 0);
});

Deno.test("a note that comes back after the end of its trial is taken away", async () => {
  const acked: number[] = [];
  const published: TrialNote[] = [];
  const trials = new Trials({
    publish: (note) => Promise.resolve(void published.push(note)),
    ack: (tag) => void acked.push(tag),
  });
  await trials.begin("m");
  trials.end("m");
  assertEquals([acked, trials.pending], [[], true]);
  trials.receive(published[0], 7);
  assertEquals([acked, trials.pending, trials.deaths("m")], [[7], false, 0]);
});

Deno.test("trials of a runner that lost its connection and lives are no deaths", async () => {
  const desk = new Desk();
  const lost = await desk.reader();
  await lost.begin("m");
  const next = await desk.reader();
  assertEquals(next.deaths("m"), 1);
  desk.tell({ lived: lost.uncertain }, next);
  assertEquals([next.deaths("m"), desk.size], [0, 0]);
});

Deno.test("what is no note of a trial is taken away", () => {
  const acked: number[] = [];
  const trials = new Trials({ publish: () => Promise.resolve(), ack: (tag) => void acked.push(tag) });
  trials.receive(undefined, 3);
  assertEquals(acked, [3]);
});

Deno.test("a trial that ended when its connection was lost is no death, though its note was left behind", async () => {
  const desk = new Desk();
  const lost = await desk.reader();
  await lost.begin("m");
  const note = desk.notes[0];
  lost.end("m");
  // The broker never got the ack.
  desk.put(note);
  const next = await desk.reader();
  assertEquals(next.deaths("m"), 1);
  desk.tell({ lived: lost.uncertain }, next);
  assertEquals([next.deaths("m"), desk.size], [0, 0]);
});

Deno.test("a note that the broker gives back after it was said that its runner lives is no death", async () => {
  const desk = new Desk();
  const lost = await desk.reader();
  const trial = await lost.begin("m");
  const [note] = desk.takeAll();
  const next = await desk.reader();
  desk.tell({ lived: [trial] }, next);
  desk.tell(note, next);
  assertEquals([next.deaths("m"), desk.size], [0, 0]);
});
