import { assertEquals, assertThrows } from "@std/assert";
import type { ChangingTable } from "../../lib/broker/store/database.ts";
import { limitPages, memoryDatabase } from "./messages.ts";

/** A table that notes what it is told. */
class NotingTable implements ChangingTable {
  readonly calls: string[] = [];
  fails = false;

  write(): void {
    this.calls.push("write");
    if (this.fails) throw new Error("cannot write");
  }

  committed(): void {
    this.calls.push("committed");
  }

  rolledBack(): void {
    this.calls.push("rolledBack");
  }
}

Deno.test("changes wait for the commit, and are announced once until then", () => {
  let announced = 0;
  using memory = memoryDatabase({ onChange: () => announced++ });
  const { database } = memory;
  const table = new NotingTable();
  database.changed(table, 10);
  database.changed(table, 10);
  assertEquals([announced, table.calls, database.dirty], [1, [], true]);
  database.commit();
  assertEquals([table.calls, database.dirty], [["write", "committed"], false]);
  database.commit();
  assertEquals(table.calls.length, 2);
});

Deno.test("many bytes are written without a commit, which comes later for all of them", () => {
  using memory = memoryDatabase();
  const { database } = memory;
  const table = new NotingTable();
  database.changed(table, 5 * 1024 * 1024);
  assertEquals([table.calls, database.dirty], [["write"], true]);
  database.changed(table, 10);
  database.commit();
  assertEquals(table.calls, ["write", "write", "committed"]);
});

Deno.test("a write that fails is undone for all tables, and done again with the next commit", () => {
  using memory = memoryDatabase();
  const { database } = memory;
  const [good, bad] = [new NotingTable(), new NotingTable()];
  bad.fails = true;
  database.changed(good, 1);
  database.changed(bad, 1);
  assertThrows(() => database.commit(), Error, "cannot write");
  assertEquals([good.calls, bad.calls], [["write", "rolledBack"], ["write", "rolledBack"]]);
  bad.fails = false;
  database.commit();
  assertEquals(good.calls.slice(2), ["write", "committed"]);
  assertEquals(bad.calls.slice(2), ["write", "committed"]);
});

Deno.test("a change that finds the disk full is not the fault of whoever makes it: it waits", () => {
  using memory = memoryDatabase();
  const { database } = memory;
  const table = new NotingTable();
  table.fails = true;
  database.changed(table, 5 * 1024 * 1024);
  table.fails = false;
  database.commit();
  assertEquals(table.calls.slice(-2), ["write", "committed"]);
});

Deno.test("a statement that finds the disk full leaves a database that can be used", () => {
  using memory = memoryDatabase();
  const { database, sqlite } = memory;
  database.execute("CREATE TABLE t (value BLOB)");
  database.commit();
  limitPages(sqlite, true);
  const large = new Uint8Array(100_000);
  assertThrows(() => database.run("INSERT INTO t VALUES (?)", large), Error, "full");
  limitPages(sqlite, false);
  const table = new NotingTable();
  database.changed(table, 1);
  database.run("INSERT INTO t VALUES (?)", large);
  assertEquals(sqlite.isTransaction, true);
  database.commit();
  assertEquals(table.calls, ["write", "committed"]);
  assertEquals(database.prepare("SELECT count(*) AS count FROM t").get(), { __proto__: null, count: 1 } as never);
});
