import { assertEquals } from "@std/assert";
import { Entry } from "../../../lib/broker/queue/entry.ts";
import { Lane, type Window } from "../../../lib/broker/queue/lane.ts";
import { MessageTable } from "../../../lib/broker/store/message_table.ts";
import { bodyOf, makeMessage, memoryDatabase } from "../messages.ts";
import { Random } from "../random.ts";

const FLOOR = 2 ** 40;
const CEILING = 2 ** 41;

/** A lane on databases in memory, and beside it a plain sorted list that it has to agree with. */
class Bench implements Disposable {
  readonly #durable = memoryDatabase();
  readonly #spilling = memoryDatabase({ passing: true, flushBytes: 5_000 });
  readonly table = new MessageTable(this.#durable.database, 1);
  #spill: MessageTable | undefined;
  window: Window = { entries: 3, bytes: 2_500 };
  lane: Lane = this.#makeLane();
  /** What waits, by its positions. */
  plain: { position: number; body: string }[] = [];
  readonly out: Entry[] = [];

  #makeLane(): Lane {
    return new Lane(
      {
        durable: this.table,
        spill: () => this.#spill ??= new MessageTable(this.#spilling.database, 1),
        spilled: () => this.#spill,
        window: () => this.window,
        paging: { page: { entries: 5, bytes: 3_000 }, low: 2 },
      },
      FLOOR,
      CEILING,
    );
  }

  push(body: string, persistent: boolean): void {
    const message = makeMessage(body);
    const entry = new Entry(this.lane.nextPosition(), message, message.bodySize, 0);
    if (persistent) this.table.add(entry);
    this.lane.push(entry);
    this.plain.push({ position: entry.position, body });
  }

  /** Takes the next one and compares; it stays out until it is put back or acked. */
  shift(): Entry | undefined {
    const wanted = this.plain.shift();
    const peeked = this.lane.peek();
    const entry = this.lane.shift();
    assertEquals(peeked, entry);
    assertEquals(entry && { position: entry.position, body: bodyOf(entry.message!) }, wanted);
    if (entry) this.out.push(entry);
    return entry;
  }

  pushBack(entry: Entry): void {
    this.out.splice(this.out.indexOf(entry), 1);
    this.lane.pushBack(entry);
    this.plain.push({ position: entry.position, body: bodyOf(entry.message!) });
    this.plain.sort((a, b) => a.position - b.position);
  }

  ack(entry: Entry): void {
    this.out.splice(this.out.indexOf(entry), 1);
    this.table.remove(entry);
  }

  commit(): void {
    this.#durable.database.commit();
  }

  /** A new lane on what the table has; `delivered` as a clean stop notes it. */
  recover(delivered: number | undefined): void {
    this.commit();
    this.#spill?.drop();
    this.lane = this.#makeLane();
    const { count, last } = this.table.measure(FLOOR, CEILING);
    this.lane.recover(count, last, delivered ?? last);
    this.out.length = 0;
  }

  get rows(): number {
    this.commit();
    return this.table.measure(FLOOR, CEILING).count;
  }

  get spilledRows(): number {
    this.#spilling.database.flush();
    return this.#spill?.measure(FLOOR, CEILING).count ?? 0;
  }

  [Symbol.dispose](): void {
    this.#durable[Symbol.dispose]();
    this.#spilling[Symbol.dispose]();
  }
}

for (const seed of [1, 2, 3, 4, 5]) {
  Deno.test(`a lane gives what a sorted list gives, on disk and in memory (seed ${seed})`, () => {
    const random = new Random(seed);
    using bench = new Bench();
    let persistent = 0;
    for (let step = 0; step < 6_000; step++) {
      const growing = Math.floor(step / 700) % 2 === 0;
      const kind = random.next();
      if (kind < (growing ? 0.6 : 0.15)) {
        const lasts = random.chance(0.5);
        if (lasts) persistent++;
        bench.push(`${step}${"x".repeat(random.int(40))}`, lasts);
      } else if (kind < 0.8) bench.shift();
      else if (kind < 0.88 && bench.out.length > 0) bench.pushBack(random.pick(bench.out));
      else if (kind < 0.97 && bench.out.length > 0) {
        const entry = random.pick(bench.out);
        if (entry.stored > 0) persistent--;
        bench.ack(entry);
      } else if (kind < 0.985) bench.commit();
      else bench.window = { entries: random.int(20), bytes: random.int(16_000) };
      assertEquals(bench.lane.length, bench.plain.length);
    }
    assertEquals(bench.rows, persistent);
    while (bench.shift());
    assertEquals([bench.lane.length, bench.spilledRows], [0, 0]);
  });
}

Deno.test("a lane that is cleared is empty, and goes on behind where it was", () => {
  using bench = new Bench();
  for (let i = 0; i < 1_500; i++) bench.push(`${i}`, i % 2 === 0);
  for (let i = 0; i < 10; i++) bench.shift();
  const [back] = bench.out;
  bench.pushBack(back);
  bench.table.drop();
  bench.lane.clear();
  bench.plain = [];
  assertEquals([bench.lane.length, bench.lane.shift()], [0, undefined]);
  for (let i = 0; i < 1_500; i++) bench.push(`again ${i}`, i % 3 === 0);
  while (bench.shift());
});

Deno.test("after a clean stop what was delivered is marked, and what was not is not", () => {
  using bench = new Bench();
  for (let i = 0; i < 1_000; i++) bench.push(`${i}`, true);
  for (let i = 0; i < 700; i++) bench.shift();
  for (const entry of bench.out.slice(0, 650)) bench.ack(entry);
  bench.plain.unshift(...bench.out.map(({ position, message }) => ({ position, body: bodyOf(message!) })));
  bench.recover(bench.lane.delivered);
  bench.push("new", true);
  const marks = Array.from({ length: 351 }, () => bench.shift()!.redelivered);
  assertEquals(marks, [...Array(50).fill(true), ...Array(301).fill(false)]);
  assertEquals(bench.shift(), undefined);
});

Deno.test("after a crash all that was there is marked, and what comes then is not", () => {
  using bench = new Bench();
  for (let i = 0; i < 600; i++) bench.push(`${i}`, true);
  bench.recover(undefined);
  bench.push("new", true);
  const marks = Array.from({ length: 601 }, () => bench.shift()!.redelivered);
  assertEquals(marks, [...Array(600).fill(true), false]);
});

Deno.test("a lane that was emptied gives no position twice after a clean stop", () => {
  using bench = new Bench();
  for (let i = 0; i < 5; i++) bench.push(`${i}`, true);
  while (bench.shift());
  for (const entry of [...bench.out]) bench.ack(entry);
  const { delivered } = bench.lane;
  bench.recover(delivered);
  assertEquals(bench.lane.nextPosition(), delivered + 1);
});
