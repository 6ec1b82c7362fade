import { assertEquals } from "@std/assert";
import { watchFunctions } from "../../lib/loader/watch.ts";
import { folder } from "./folder.ts";

/** Starts to watch; resolves once the watches are open, which a first change proves. */
async function watching(dir: string, files: () => string[], signal: AbortSignal) {
  const changes = watchFunctions(dir, { files, debounce: 30, signal });
  const next = changes.next();
  let opened = false;
  void next.then(() => opened = true);
  for (let round = 0; !opened; round++) {
    await Deno.writeTextFile(`${dir}/_probe`, String(round));
    await Promise.race([next, new Promise((resolve) => setTimeout(resolve, 100))]);
  }
  return changes;
}

Deno.test("watchFunctions() yields once for a burst of changes, and ends with its signal", async () => {
  await using dir = await folder();
  const stop = new AbortController();
  const changes = await watching(dir.path, () => [], stop.signal);
  const next = changes.next();
  await dir.write({ "a.ts": "1", "b.ts": "2", "sub/c.ts": "3" });
  assertEquals(await next, { value: undefined, done: false });
  const after = changes.next();
  await Deno.readTextFile(`${dir.path}/a.ts`);
  stop.abort();
  assertEquals((await after).done, true);
});

Deno.test("watchFunctions() sees files outside the folder that functions import, missing ones included", async () => {
  await using dir = await folder({ "functions/a.ts": "" });
  const stop = new AbortController();
  const file = `${dir.path}/shared/deep/tool.ts`;
  const changes = await watching(`${dir.path}/functions`, () => [file], stop.signal);
  for (const text of ["made", "changed"]) {
    const next = changes.next();
    await dir.write({ "shared/deep/tool.ts": text });
    assertEquals((await next).done, false);
  }
  stop.abort();
  assertEquals((await changes.next()).done, true);
});

Deno.test("watchFunctions() goes on when the folder is removed and made again", async () => {
  await using dir = await folder({ "functions/a.ts": "" });
  const stop = new AbortController();
  const changes = await watching(`${dir.path}/functions`, () => [], stop.signal);
  const steps = [
    () => Deno.remove(`${dir.path}/functions`, { recursive: true }),
    () => dir.write({ "functions/a.ts": "again" }),
    () => dir.write({ "functions/b.ts": "another" }),
  ];
  for (const step of steps) {
    const next = changes.next();
    await step();
    assertEquals((await next).done, false);
  }
  stop.abort();
  assertEquals((await changes.next()).done, true);
});

Deno.test("watchFunctions() with a signal that has aborted yields nothing", async () => {
  await using dir = await folder();
  const changes = watchFunctions(dir.path, { files: () => [], signal: AbortSignal.abort() });
  assertEquals((await changes.next()).done, true);
});
