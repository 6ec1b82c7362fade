import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { WarrenError } from "../../lib/base/errors.ts";
import { Logger } from "../../lib/base/log.ts";
import { openDatabase } from "../../lib/broker/store/open.ts";
import { Store } from "../../lib/broker/store/store.ts";
import { BrokerChild } from "./broker_child.ts";
import { makeEntry } from "./messages.ts";
import { withTmpDisk } from "./tmp_disk.ts";

const MEGABYTE = 1024 * 1024;
const LOG = new Logger({ level: "silent" });

/** A folder, and the file of the data in it. */
async function withFolder(test: (folder: string, file: string) => void | Promise<void>): Promise<void> {
  const folder = await Deno.realPath(await Deno.makeTempDir({ prefix: "warren-open-" }));
  try {
    await test(folder, join(folder, "broker.db"));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Data with a queue and some messages, left behind without a clean stop where it is asked for. */
function makeData(folder: string, file: string, clean = true): void {
  const store = new Store(folder, LOG);
  const id = store.definitions.addQueue({ name: "q", autoDelete: false, arguments: new Uint8Array() });
  const table = store.durableTable(id);
  for (let position = 1; position <= 500; position++) table.add(makeEntry(position, "x".repeat(300)));
  store.close();
  if (clean) return;
  const sqlite = new DatabaseSync(file);
  sqlite.exec("UPDATE state SET value = 0 WHERE name = 'clean'");
  sqlite.close();
}

/** Opening fails, says so with the path, and leaves the file as it was. */
function assertRefused(folder: string, file: string, ...parts: string[]): void {
  const before = Deno.readFileSync(file);
  const error = assertThrows(() => new Store(folder, LOG), WarrenError);
  assertEquals(error.code, "storage");
  for (const part of [file, ...parts]) assertStringIncludes(error.message, part);
  assertEquals(Deno.readFileSync(file), before);
}

Deno.test("an empty folder, and one that is not there, get a database", async () => {
  await withFolder((folder) => {
    openDatabase(folder).close();
    openDatabase(join(folder, "a", "b")).close();
    openDatabase(folder).close();
    const left = [...Deno.readDirSync(folder)].map(({ name }) => name).filter((name) => name.includes(".new"));
    assertEquals(left, []);
  });
});

Deno.test("data of a newer version is refused, with both versions", async () => {
  await withFolder((folder, file) => {
    makeData(folder, file);
    const sqlite = new DatabaseSync(file);
    sqlite.exec("PRAGMA user_version = 99");
    sqlite.close();
    assertRefused(folder, file, "version 99", "newer Warren");
  });
});

Deno.test("another program's database is refused", async () => {
  await withFolder((folder, file) => {
    const sqlite = new DatabaseSync(file);
    sqlite.exec("PRAGMA journal_mode = WAL; CREATE TABLE mine (id INTEGER)");
    sqlite.close();
    assertRefused(folder, file, "another program's");
  });
});

Deno.test("a file that is no database is refused", async () => {
  await withFolder((folder, file) => {
    Deno.writeTextFileSync(file, "These are my notes. ".repeat(500));
    assertRefused(folder, file);
  });
});

Deno.test("an empty file is refused", async () => {
  await withFolder((folder, file) => {
    Deno.writeTextFileSync(file, "");
    assertRefused(folder, file, "empty");
  });
});

Deno.test("a file that was cut off is refused", async () => {
  await withFolder((folder, file) => {
    makeData(folder, file, false);
    const { size } = Deno.statSync(file);
    for (const left of [Math.floor(size / 2 / 4096) * 4096, size - 1000, 5000, 50]) {
      const bytes = Deno.readFileSync(file);
      Deno.writeFileSync(file, bytes.subarray(0, left));
      assertRefused(folder, file, "damaged");
      Deno.writeFileSync(file, bytes);
    }
  });
});

Deno.test("a file with other bytes in its tables is refused after a crash", async () => {
  await withFolder((folder, file) => {
    makeData(folder, file, false);
    const bytes = Deno.readFileSync(file);
    const spoilt = bytes.slice();
    spoilt.fill(0x5a, 4096 * 3, 4096 * 5);
    Deno.writeFileSync(file, spoilt);
    assertRefused(folder, file, "damaged");
  });
});

Deno.test("data that another process has is refused, and free when that is gone", async () => {
  await using broker = await BrokerChild.start();
  const error = assertThrows(() => new Store(broker.dataDir, LOG), WarrenError);
  assertEquals(error.code, "storage");
  assertStringIncludes(error.message, join(broker.dataDir, "broker.db"));
  assertStringIncludes(error.message, "in use by another broker");
  await broker.kill();
  new Store(broker.dataDir, LOG).close();
});

withTmpDisk("a disk that cannot be written is refused, with the path and what to do", 4 * MEGABYTE, async (disk) => {
  await disk.makeReadOnly();
  const error = assertThrows(() => openDatabase(join(disk.path, "data")), WarrenError);
  assertEquals(error.code, "storage");
  for (const part of [join(disk.path, "data"), "WARREN_DATA"]) assertStringIncludes(error.message, part);
});

withTmpDisk("a disk without room for a beginning is refused, and nothing is left on it", 4 * MEGABYTE, async (disk) => {
  await disk.fill();
  const error = assertThrows(() => openDatabase(disk.path), WarrenError);
  assertEquals(error.code, "storage");
  for (const part of [disk.path, "WARREN_DATA"]) assertStringIncludes(error.message, part);
  assertEquals([...Deno.readDirSync(disk.path)].map(({ name }) => name), ["filler"]);
  await disk.free();
  openDatabase(disk.path).close();
});

Deno.test("a store says whether the one before it stopped cleanly", async () => {
  await withFolder((folder, file) => {
    makeData(folder, file);
    const first = new Store(folder, LOG);
    assert(first.wasClean);
    first.abandon();
    const second = new Store(folder, LOG);
    assert(!second.wasClean);
    second.close();
    const third = new Store(folder, LOG);
    assert(third.wasClean);
    third.close();
  });
});

Deno.test("a segment that is gone or cut off is refused, with its path", async () => {
  await using broker = await BrokerChild.start();
  {
    await using client = await broker.connect();
    const channel = await client.channel();
    await channel.call("queue.declare", { queue: "q", durable: true });
    await channel.publishConfirmed({ routingKey: "q" }, new Uint8Array(100_000), { deliveryMode: 2 });
  }
  await broker.stop();
  const segment = join(broker.dataDir, "segments", "segment-1");
  const bytes = await Deno.readFile(segment);
  for (const spoil of [() => Deno.removeSync(segment), () => Deno.writeFileSync(segment, bytes.subarray(0, 50_000))]) {
    spoil();
    const answer = await broker.startAnyhow();
    await broker.ended();
    assertEquals(answer?.failed?.code, "storage");
    assertStringIncludes(answer!.failed!.message, segment);
  }
  await Deno.writeFile(segment, bytes);
  await broker.start();
});
