import { assert, assertEquals } from "@std/assert";
import type { FoundRuns } from "../../../lib/telemetry/runs/store/run_store.ts";
import { RunKeeper } from "../../../lib/telemetry/runs/store/run_keeper.ts";
import type { RunSummary } from "../../../lib/invocation/insight/run.ts";
import { runOf } from "./stored.ts";

/** A folder that is gone afterwards, and what keepers in it said. */
async function inFolder(test: (folder: string, said: string[]) => void | Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "warren-runs-" });
  try {
    await test(`${folder}/runs`, []);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

interface Setting {
  now?: () => number;
  quiet?: number;
  said?: string[];
}

function keeperOf(folder: string, { now, quiet, said = [] }: Setting = {}): RunKeeper & Disposable {
  const keeper = new RunKeeper({ folder, keep: 100, age: 1e13, now, quiet, onTrouble: (text) => void said.push(text) });
  return Object.assign(keeper, { [Symbol.dispose]: () => keeper.close() });
}

function idsIn(keeper: RunKeeper): string[] {
  return (keeper.ask("runs", {}) as FoundRuns<RunSummary>).items.map(({ id }) => id).toSorted();
}

function files(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map(({ name }) => name).filter((name) => name.endsWith(".db")).toSorted();
}

Deno.test("a runner that starts again finds its records", async () => {
  await inFolder((folder) => {
    const run = runOf();
    {
      using first = keeperOf(folder);
      first.write([run]);
    }
    using second = keeperOf(folder);
    assertEquals([idsIn(second), files(folder)], [[run.id], ["1.db"]]);
  });
});

Deno.test("runners that share a folder have a file each, and nobody takes the file of a living one", async () => {
  await inFolder((folder) => {
    using first = keeperOf(folder, { quiet: 0 });
    using second = keeperOf(folder, { quiet: 0, now: () => Date.now() + 1e9 });
    const [a, b] = [runOf(), runOf()];
    first.write([a]);
    second.write([b]);
    assertEquals([idsIn(first), idsIn(second), files(folder)], [[a.id], [b.id], ["1.db", "2.db"]]);
  });
});

Deno.test("the records of a runner that is gone for good are taken over after a while, and its file is deleted", async () => {
  await inFolder((folder) => {
    const [a, b] = [runOf(), runOf()];
    let late = 0;
    using stays = keeperOf(folder, { quiet: 3_600_000, now: () => Date.now() + late });
    {
      using gone = keeperOf(folder);
      gone.write([a]);
    }
    stays.write([b]);
    assertEquals([idsIn(stays), files(folder)], [[b.id], ["1.db", "2.db"]]);
    late = 2 * 3_600_000;
    stays.write([]);
    assertEquals([idsIn(stays), files(folder)], [[a.id, b.id].toSorted(), ["1.db"]]);
  });
});

Deno.test("a file that is no database is replaced, and that is said", async () => {
  await inFolder((folder, said) => {
    Deno.mkdirSync(folder);
    Deno.writeTextFileSync(`${folder}/1.db`, "not a database, and long enough to have a header of one".repeat(10));
    using keeper = keeperOf(folder, { said });
    keeper.write([runOf()]);
    assertEquals([idsIn(keeper).length, said.length], [1, 1]);
    assert(said[0].includes("1.db") && said[0].includes("it was replaced"), said[0]);
  });
});

Deno.test("a file that turns out to be broken is replaced, and what comes then is kept", async () => {
  await inFolder((folder, said) => {
    {
      using first = keeperOf(folder);
      first.write(Array.from({ length: 50 }, () => runOf()));
    }
    const pages = Deno.readFileSync(`${folder}/1.db`);
    Deno.writeFileSync(`${folder}/1.db`, pages.fill(0xff, 2 * 4096));
    using keeper = keeperOf(folder, { said });
    const run = runOf();
    keeper.write([run]);
    assertEquals(idsIn(keeper), [run.id]);
    assert(said[0].includes("1.db"), said[0]);
  });
});

Deno.test("where no file can be made, records are in memory, and that is said", async () => {
  await inFolder((folder, said) => {
    Deno.writeTextFileSync(folder, "a file in the way");
    using keeper = keeperOf(folder, { said });
    keeper.write([runOf()]);
    assertEquals([idsIn(keeper).length, said.length], [1, 1]);
    assert(said[0].startsWith("run records are only kept in memory, the last 100"), said[0]);
  });
});
