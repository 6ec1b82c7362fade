import { assert, assertEquals, assertThrows } from "@std/assert";
import { Entry, STORED } from "../../lib/broker/queue/entry.ts";
import { MessageTable, runs } from "../../lib/broker/store/message_table.ts";
import { Segments } from "../../lib/broker/store/segments.ts";
import { bodyOf, limitPages, makeEntry, makeMessage, memoryDatabase } from "./messages.ts";
import { Random } from "./random.ts";

const ALL = Number.MAX_SAFE_INTEGER;

/** The entries of one page. */
function entriesOf(table: MessageTable, after: number, before: number, entries: number): Entry[] {
  return table.read(after, before, { entries, bytes: 1024 * 1024 }).entries;
}

Deno.test("numbers become runs of neighbours, sorted or not", () => {
  const random = new Random(3);
  assertEquals([...runs([])], []);
  assertEquals([...runs([5])], [[5, 5]]);
  assertEquals([...runs([1, 2, 3, 7, 9, 10])], [[1, 3], [7, 7], [9, 10]]);
  for (let times = 0; times < 200; times++) {
    const numbers = new Set(Array.from({ length: random.int(40) }, () => random.int(60)));
    const back = [...runs([...numbers])].flatMap(([first, last]) =>
      Array.from({ length: last - first + 1 }, (_, index) => first + index)
    );
    assertEquals(back, [...numbers].sort((a, b) => a - b));
  }
});

Deno.test("an entry that is removed before it is written never reaches the disk", () => {
  using memory = memoryDatabase();
  const table = new MessageTable(memory.database, 7);
  const entry = makeEntry(1);
  table.add(entry);
  assertEquals(entry.stored, STORED.soon);
  table.remove(entry);
  memory.database.commit();
  assertEquals([entry.stored, memory.database.hasTable("messages_7")], [STORED.no, false]);
});

Deno.test("an entry is stored for good with the commit, and comes back as it was", () => {
  using memory = memoryDatabase();
  const table = new MessageTable(memory.database, 7);
  const message = makeMessage("body", { headers: { a: 1 }, deliveryMode: 2 }, { exchange: "é", routingKey: "k" });
  const entry = new Entry(9, message, 4, 1234);
  table.add(entry);
  memory.database.flush();
  assertEquals(entry.stored, STORED.written);
  memory.database.commit();
  assertEquals(entry.stored, STORED.yes);
  const [read] = entriesOf(new MessageTable(memory.database, 7), 0, ALL, 10);
  assertEquals([read.position, read.bodySize, read.expiresAt, read.stored], [9, 4, 1234, STORED.yes]);
  assertEquals(read.message!.content, message.content);
  assertEquals([read.message!.address.exchange, read.message!.address.routingKey], ["é", "k"]);
  assertEquals(read.message!.headers().a, 1);
  assertEquals(bodyOf(table.fetch(9)), "body");
  assertThrows(() => table.fetch(10), Error, "message 10");
});

Deno.test("reading respects its bounds and its limit", () => {
  using memory = memoryDatabase();
  const table = new MessageTable(memory.database, 1);
  for (let position = 1; position <= 20; position++) table.add(makeEntry(position));
  memory.database.commit();
  const positions = (after: number, before: number, limit: number) =>
    entriesOf(table, after, before, limit).map(({ position }) => position);
  assertEquals(positions(5, 9, 100), [6, 7, 8]);
  assertEquals(positions(0, 100, 3), [1, 2, 3]);
  assertEquals(positions(20, 100, 3), []);
  assertEquals(table.measure(10, 100), { count: 10, last: 20 });
  assertEquals(table.measure(20, 100), { count: 0, last: 0 });
  assertEquals(table.bodyBytes(), 9 + 2 * 11);
});

Deno.test("a page says how far it reaches, whichever limit ended it, written or not", () => {
  using memory = memoryDatabase();
  const table = new MessageTable(memory.database, 1);
  const page = (after: number, entries: number, bytes: number) => {
    const { entries: found, reached } = table.read(after, 100, { entries, bytes });
    return [found.map(({ position }) => position), reached];
  };
  const { weight } = makeEntry(1).message!;
  const check = (bytesCount: boolean) => {
    assertEquals(page(0, 3, Infinity), [[1, 2, 3], 3]);
    assertEquals(page(17, 3, Infinity), [[18, 19, 20], 99]);
    assertEquals(page(18, 3, Infinity), [[19, 20], 99]);
    assertEquals(page(20, 3, Infinity), [[], 99]);
    if (bytesCount) assertEquals([page(0, 100, 2 * weight), page(0, 100, 1)], [[[1, 2], 2], [[1], 1]]);
  };
  for (let position = 1; position <= 20; position++) table.add(makeEntry(position));
  // In memory they cost nothing more, however large they are.
  check(false);
  memory.database.commit();
  check(true);
});

Deno.test("empty messages and removals are written as soon as they fill the memory, not only at a commit", () => {
  using memory = memoryDatabase({ passing: true, flushBytes: 20_000 });
  const table = new MessageTable(memory.database, 1);
  const entries = Array.from({ length: 200 }, (_, index) => makeEntry(index + 1, ""));
  const unwritten = () => entries.filter(({ stored }) => stored === STORED.soon).length;
  for (const entry of entries) {
    table.add(entry);
    assert(unwritten() < 40, `${unwritten()} messages wait in memory`);
  }
  memory.database.flush();
  const rows = () =>
    (memory.sqlite.prepare("SELECT count(*) AS count FROM messages_1").get() as { count: number }).count;
  for (const [index, entry] of entries.entries()) {
    table.remove(entry);
    assert(rows() - (entries.length - index) < 40, `${rows()} rows are there`);
  }
});

Deno.test("what came back is counted in the row, whether it was written before or not", () => {
  using memory = memoryDatabase();
  const table = new MessageTable(memory.database, 1);
  const [early, late] = [makeEntry(1), makeEntry(2)];
  table.add(early);
  memory.database.commit();
  table.add(late);
  for (const entry of [early, late]) {
    entry.returns = 3;
    table.countReturn(entry);
  }
  memory.database.commit();
  assertEquals(entriesOf(table, 0, ALL, 10).map(({ returns }) => returns), [3, 3]);
});

/** A table with what a broker does to it, and a plain list of what it has to hold. */
for (const seed of [1, 2, 3]) {
  Deno.test(`commits that fail lose nothing, whatever was done before and between (seed ${seed})`, () => {
    const random = new Random(seed);
    let failing = false;
    using memory = memoryDatabase({
      beforeCommit() {
        if (failing) throw new Error("no space left");
      },
    });
    const { database } = memory;
    const table = new MessageTable(database, 1);
    const there = new Map<number, Entry>();
    for (let step = 1; step < 4_000; step++) {
      const kind = random.next();
      if (kind < 0.5) {
        const entry = makeEntry(step);
        there.set(step, entry);
        table.add(entry);
      } else if (kind < 0.8 && there.size > 0) {
        const entry = random.pick([...there.values()]);
        there.delete(entry.position);
        table.remove(entry);
      } else if (kind < 0.85 && there.size > 0) {
        const entry = random.pick([...there.values()]);
        entry.returns++;
        table.countReturn(entry);
      } else if (kind < 0.9) database.flush();
      else if (kind < 0.99) {
        failing = random.chance(0.5);
        if (failing && database.dirty) assertThrows(() => database.commit(), Error, "no space left");
        else database.commit();
        failing = false;
      } else {
        table.drop();
        there.clear();
        // A purge that the disk refused is not promised to last; one that it takes is.
        database.commit();
      }
    }
    database.commit();
    const rows = entriesOf(new MessageTable(database, 1), 0, ALL, ALL);
    const wanted = [...there.values()].map(({ position, returns }) => [position, returns]);
    assertEquals(rows.map(({ position, returns }) => [position, returns]), wanted);
    assertEquals([...there.values()].every(({ stored }) => stored === STORED.yes), true);
  });
}

Deno.test("a disk that is full in the middle of a write loses nothing, and the next commit writes it", () => {
  using memory = memoryDatabase();
  const { database, sqlite } = memory;
  const table = new MessageTable(database, 1);
  table.add(makeEntry(1));
  database.commit();
  limitPages(sqlite, true);
  for (let position = 2; position < 500; position++) table.add(makeEntry(position, "x".repeat(200)));
  for (let times = 0; times < 3; times++) assertThrows(() => database.commit(), Error, "full");
  limitPages(sqlite, false);
  database.commit();
  assertEquals(table.measure(0, ALL), { count: 499, last: 499 });
});

/** A table with segments in a folder, its commit, and one that the disk refuses. */
function withSegments(
  test: (table: MessageTable, folder: string, commit: () => void, failingCommit: () => void) => void,
): void {
  const folder = Deno.makeTempDirSync({ prefix: "warren-segments-" });
  const segments = new Segments(folder);
  let failing = false;
  const beforeCommit = () => {
    if (failing) throw new Error("no space left");
    segments.sync();
  };
  try {
    using memory = memoryDatabase({ beforeCommit });
    const { database } = memory;
    const failingCommit = () => {
      failing = true;
      if (database.dirty) assertThrows(() => database.commit(), Error, "no space left");
      failing = false;
    };
    test(new MessageTable(database, 1, segments), folder, () => database.commit(), failingCommit);
  } finally {
    segments.close();
    Deno.removeSync(folder, { recursive: true });
  }
}

Deno.test("large contents are in segments, small ones in their rows, and both come back in order", () => {
  withSegments((table, _folder, commit) => {
    const random = new Random(4);
    const bodies = Array.from({ length: 300 }, (_, index) => `${index}`.padEnd(random.pick([1, 400, 600, 5_000]), "x"));
    for (const [index, body] of bodies.entries()) {
      table.add(makeEntry(index + 1, body));
      if (random.chance(0.05)) commit();
    }
    const read: string[] = [];
    for (let after = 0; read.length < bodies.length;) {
      const page = entriesOf(table, after, ALL, 50);
      read.push(...page.map(({ message }) => bodyOf(message!)));
      after = page[page.length - 1].position;
    }
    assertEquals(read, bodies);
  });
});

Deno.test("a page of large contents is short, but never empty", () => {
  withSegments((table) => {
    for (let position = 1; position <= 10; position++) table.add(makeEntry(position, "x".repeat(800_000)));
    assertEquals(entriesOf(table, 0, ALL, 100).length, 1);
    assertEquals(entriesOf(table, 9, ALL, 100).length, 1);
  });
});

Deno.test("a segment goes when the last one that refers to it goes", () => {
  withSegments((table, folder, commit) => {
    const count = () => [...Deno.readDirSync(folder)].length;
    const entries = Array.from({ length: 80 }, (_, index) => makeEntry(index + 1, "x".repeat(1_000_000)));
    for (const entry of entries) table.add(entry);
    commit();
    assertEquals(count(), 5);
    for (const entry of entries.slice(0, 60)) table.remove(entry);
    commit();
    assertEquals(count() <= 3, true);
    table.drop();
    commit();
    assertEquals(count(), 1);
  });
});

for (const seed of [1, 2, 3]) {
  Deno.test(`segments hold what is referred to, and nothing else, whatever commits fail (seed ${seed})`, () => {
    withSegments((table, folder, commit, failingCommit) => {
      const random = new Random(seed);
      let there = new Map<number, Entry>();
      const body = (position: number) =>
        `${position}`.padEnd(position % 3 === 0 ? 100_000 + (position % 100_000) : 20, "x");
      const check = (entries: readonly Entry[]) => {
        for (const { position, message } of entries) assertEquals(bodyOf(message!), body(position));
      };
      for (let position = 1; position < 1_500; position++) {
        const entry = makeEntry(position, body(position));
        there.set(position, entry);
        table.add(entry);
        if (random.chance(0.1)) commit();
        if (random.chance(0.1)) failingCommit();
        // As a queue does it that has no room in memory: from here on it knows only what it read.
        if (random.chance(0.02)) {
          const read = entriesOf(table, 0, ALL, ALL);
          check(read);
          const after = read[read.length - 1]?.position ?? 0;
          const rest = [...there.values()].filter(({ position }) => position > after);
          there = new Map([...read, ...rest].map((entry) => [entry.position, entry]));
        }
        while (there.size > 300 || (there.size > 0 && random.chance(0.4))) {
          const [gone] = there.values();
          there.delete(gone.position);
          table.remove(gone);
        }
        if (random.chance(0.003)) {
          table.drop();
          there.clear();
          if (random.chance(0.5)) failingCommit();
        }
      }
      commit();
      const positions: number[] = [];
      for (
        let page = entriesOf(table, 0, ALL, 50);
        page.length > 0;
        page = entriesOf(table, positions[positions.length - 1], ALL, 50)
      ) {
        check(page);
        positions.push(...page.map(({ position }) => position));
      }
      assertEquals(positions, [...there.keys()]);
      for (const entry of there.values()) table.remove(entry);
      commit();
      // The one that is written to stays.
      assertEquals([...Deno.readDirSync(folder)].length, 1);
    });
  });
}
