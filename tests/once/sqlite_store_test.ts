import { assert, assertEquals, assertRejects } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { WarrenError } from "../../lib/base/errors.ts";
import { SqliteStore } from "../../lib/once/sqlite_store.ts";
import { folder } from "../loader/folder.ts";
import { storeSuite } from "./store_suite.ts";

storeSuite("SQLite", async () => {
  const files = await folder();
  return {
    open: () => SqliteStore.open(`${files.path}/data/once.db`),
    [Symbol.asyncDispose]: () => files[Symbol.asyncDispose](),
  };
});

Deno.test("SQLite: what was done is there after a new start, and what was held too", async () => {
  await using files = await folder();
  const first = await SqliteStore.open(`${files.path}/once.db`);
  await Promise.all([first.claim("done", "a", 60_000), first.claim("held", "a", 60_000)]);
  await first.done("done", "a", "1", 60_000);
  await first.close();
  const second = await SqliteStore.open(`${files.path}/once.db`);
  assertEquals(await second.claim("done", "b", 60_000), { kind: "done", value: "1" });
  assertEquals((await second.claim("held", "b", 60_000)).kind, "held");
  await second.close();
});

Deno.test("SQLite: keys whose time is over leave the file", async () => {
  await using files = await folder();
  const path = `${files.path}/once.db`;
  let now = 1_000_000;
  const store = await SqliteStore.open(path, { now: () => now });
  await Promise.all(Array.from({ length: 1_200 }, (_, n) => store.claim(`k${n}`, "a", 1_000)));
  now += 3_600_000;
  for (let turn = 0; turn < 4; turn++) await store.claim(`new ${turn}`, "a", 60_000);
  await store.close();
  const sqlite = new DatabaseSync(path);
  assertEquals({ ...sqlite.prepare("SELECT count(*) AS keys FROM once").get() }, { keys: 4 });
  sqlite.close();
});

Deno.test("SQLite: a file that another runner is writing to is waited for, and the event loop goes on", async () => {
  await using files = await folder();
  const path = `${files.path}/once.db`;
  const store = await SqliteStore.open(path);
  const other = new DatabaseSync(path);
  other.exec("BEGIN IMMEDIATE");
  const claim = store.claim("k", "a", 60_000);
  let turns = 0;
  const counting = setInterval(() => {
    if (++turns === 5) other.exec("COMMIT");
  }, 20);
  assertEquals((await claim).kind, "claimed");
  clearInterval(counting);
  assert(turns >= 5);
  other.close();
  await store.close();
});

Deno.test("SQLite: a file that cannot be used is an error that names it, and is left as it was", async () => {
  await using files = await folder({
    "text.db": "this is no database, and it is long enough to have had a header\n".repeat(9),
  });
  const foreign = new DatabaseSync(`${files.path}/foreign.db`);
  foreign.exec("CREATE TABLE theirs (a)");
  foreign.close();
  for (const name of ["text.db", "foreign.db", "text.db/once.db"]) {
    const path = `${files.path}/${name}`;
    const before = await Deno.readFile(path).catch(() => undefined);
    const error = await assertRejects(() => SqliteStore.open(path), WarrenError, path);
    assertEquals(error.code, "storage");
    assertEquals(await Deno.readFile(path).catch(() => undefined), before);
  }
});
