import { assertEquals } from "@std/assert";
import { type Consumer, Consumers } from "../../../lib/broker/queue/consumers.ts";
import { Random } from "../random.ts";

class Taker implements Consumer {
  busy = false;
  constructor(readonly name: string, readonly priority = 0, readonly exclusive = false) {}
  ready(): boolean {
    return !this.busy;
  }
  deliver(): void {}
  cancelled(): void {}
}

function turns(consumers: Consumers, count: number): string {
  return Array.from({ length: count }, () => (consumers.next() as Taker | undefined)?.name ?? "-").join("");
}

Deno.test("consumers take turns, those that are busy left out", () => {
  const consumers = new Consumers(false);
  const [a, b, c] = ["a", "b", "c"].map((name) => new Taker(name));
  for (const each of [a, b, c]) consumers.add(each);
  assertEquals(turns(consumers, 7), "abcabca");
  b.busy = true;
  assertEquals(turns(consumers, 4), "caca");
  a.busy = c.busy = true;
  assertEquals(turns(consumers, 2), "--");
});

Deno.test("a higher priority comes first as long as it is ready", () => {
  const consumers = new Consumers(false);
  const [low, high, higher] = [new Taker("l", 0), new Taker("h", 5), new Taker("H", 10)];
  for (const each of [low, high, higher]) consumers.add(each);
  assertEquals(turns(consumers, 2), "HH");
  higher.busy = true;
  assertEquals(turns(consumers, 2), "hh");
  high.busy = true;
  assertEquals(turns(consumers, 2), "ll");
  higher.busy = false;
  assertEquals(turns(consumers, 1), "H");
});

Deno.test("one that goes changes nothing in the turns of the others", () => {
  const random = new Random(11);
  const consumers = new Consumers(false);
  let there: Taker[] = [];
  let names = 0;
  for (let step = 0; step < 2_000; step++) {
    if (there.length < 2 || random.chance(0.5)) {
      const taker = new Taker(`${names++}`);
      there.push(taker);
      consumers.add(taker);
    } else {
      const [gone] = there.splice(random.int(there.length), 1);
      assertEquals([consumers.remove(gone), consumers.remove(gone)], [true, false]);
    }
    assertEquals(consumers.count, there.length);
    // In one round each has its turn once.
    const round = Array.from(there, () => consumers.next());
    assertEquals(new Set(round).size, there.length);
    for (let extra = random.int(3); extra > 0; extra--) consumers.next();
  }
  for (const each of there) consumers.remove(each);
  there = [];
  assertEquals([consumers.count, consumers.next(), consumers.all()], [0, undefined, []]);
});

Deno.test("a single active consumer keeps its place until it goes, and then the best one follows", () => {
  const consumers = new Consumers(true);
  const [first, second, third] = [new Taker("1"), new Taker("2", 0), new Taker("3", 5)];
  for (const each of [first, second, third]) consumers.add(each);
  assertEquals(turns(consumers, 3), "111");
  first.busy = true;
  assertEquals(turns(consumers, 2), "--");
  consumers.remove(first);
  assertEquals(turns(consumers, 2), "33");
  consumers.remove(third);
  assertEquals(turns(consumers, 2), "22");
});

Deno.test("an exclusive consumer is one that is alone and asked for it", () => {
  const consumers = new Consumers(false);
  assertEquals(consumers.exclusive, false);
  const taker = new Taker("a", 0, true);
  consumers.add(taker);
  assertEquals(consumers.exclusive, true);
  consumers.remove(taker);
  assertEquals(consumers.exclusive, false);
});
