import { assertEquals } from "@std/assert";
import { watchFunctions } from "../../lib/loader/watch.ts";
import { folder } from "./folder.ts";

/** Starts to watch; resolves once the watches are open, which a first change proves. */
async function watching(dir: string, files: () => string[], signal: AbortSignal) {
  const changes = await watchFunctions(dir, { files, debounce: 30, signal });
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

Deno.test("watchFunctions() sees what is in a folder that was removed and made again at once", async () => {
  await using dir = await folder({ "functions/a.ts": "" });
  const functions = `${dir.path}/functions`;
  const stop = new AbortController();
  const changes = await watchFunctions(functions, { files: () => [], debounce: 30, signal: stop.signal });
  const next = changes.next();
  Deno.removeSync(functions, { recursive: true });
  Deno.mkdirSync(functions);
  assertEquals((await next).done, false);
  const after = changes.next();
  await dir.write({ "functions/b.ts": "" });
  assertEquals((await after).done, false);
  stop.abort();
});

Deno.test("watchFunctions() with a signal that has aborted yields nothing", async () => {
  await using dir = await folder();
  const changes = await watchFunctions(dir.path, { files: () => [], signal: AbortSignal.abort() });
  assertEquals((await changes.next()).done, true);
});

/** What changes one thing on the way to the functions, and what the functions depend on. */
const SWAPS: Record<string, { files: Record<string, string>; links: [string, string][]; swap: [string, string] }> = {
  "the functions folder itself": {
    files: { "releases/1/a.ts": "1", "releases/2/a.ts": "2" },
    links: [["releases/1", "functions"]],
    swap: ["releases/2", "functions"],
  },
  "a folder above the functions folder": {
    files: { "releases/1/x/functions/a.ts": "1", "releases/2/x/functions/a.ts": "2" },
    links: [["releases/1", "current"], ["current/x/functions", "functions"]],
    swap: ["releases/2", "current"],
  },
  "the folder that a ConfigMap swaps": {
    files: { "functions/..1/a.ts": "1", "functions/..2/a.ts": "2" },
    links: [["..1", "functions/..data"], ["..data/a.ts", "functions/a.ts"]],
    swap: ["..2", "functions/..data"],
  },
  "a link outside that a link in the folder leads to": {
    files: { "one/a.ts": "1", "two/a.ts": "2", "functions/b.ts": "" },
    links: [["one", "there"], ["../there/a.ts", "functions/a.ts"]],
    swap: ["two", "there"],
  },
};

for (const [what, { files, links, swap }] of Object.entries(SWAPS)) {
  Deno.test(`watchFunctions() sees that ${what} is swapped at once, and what changes behind the new link`, async () => {
    await using dir = await folder(files);
    for (const [target, path] of links) await Deno.symlink(target, `${dir.path}/${path}`);
    const file = `${dir.path}/functions/a.ts`;
    const stop = new AbortController();
    const { signal } = stop;
    const changes = await watchFunctions(`${dir.path}/functions`, { files: () => [file], debounce: 30, signal });
    const next = changes.next();
    await Deno.symlink(swap[0], `${dir.path}/${swap[1]}_new`);
    await Deno.rename(`${dir.path}/${swap[1]}_new`, `${dir.path}/${swap[1]}`);
    assertEquals((await next).done, false);
    const after = changes.next();
    await Deno.writeTextFile(file, "3");
    assertEquals((await after).done, false);
    stop.abort();
  });
}

Deno.test("watchFunctions() sees what changed between its call and its first yield", async () => {
  await using dir = await folder({ "a.ts": "" });
  const stop = new AbortController();
  const changes = await watchFunctions(dir.path, { files: () => [], debounce: 30, signal: stop.signal });
  await dir.write({ "a.ts": "1" });
  assertEquals((await changes.next()).done, false);
  stop.abort();
});

Deno.test("watchFunctions() looks now and then where a link leads that is in a folder it may not read", async () => {
  await using dir = await folder({ "hidden/1/a.ts": "", "hidden/2/a.ts": "" });
  await Deno.symlink("1", `${dir.path}/hidden/functions`);
  const hidden = `${dir.path}/hidden`;
  const watchFs = ((paths: string[], options) => {
    if (paths.includes(hidden)) throw new Deno.errors.PermissionDenied(hidden);
    return Deno.watchFs(paths, options);
  }) as typeof Deno.watchFs;
  const stop = new AbortController();
  const { signal } = stop;
  const readable = (folder: string) => folder !== hidden;
  const options = { files: () => [], debounce: 30, poll: 20, watchFs, readable, signal };
  const changes = await watchFunctions(`${hidden}/functions`, options);
  const next = changes.next();
  await Deno.symlink("2", `${hidden}/new`);
  await Deno.rename(`${hidden}/new`, `${hidden}/functions`);
  assertEquals((await next).done, false);
  const after = changes.next();
  await dir.write({ "hidden/2/b.ts": "" });
  assertEquals((await after).done, false);
  stop.abort();
});

Deno.test("watchFunctions() goes on when the folder above is moved away and another takes its place", async () => {
  await using dir = await folder({ "app/functions/a.ts": "1", "next/functions/a.ts": "2" });
  const stop = new AbortController();
  const options = { files: () => [], debounce: 30, signal: stop.signal };
  const changes = await watchFunctions(`${dir.path}/app/functions`, options);
  const steps = [
    () => Deno.rename(`${dir.path}/app`, `${dir.path}/old`),
    () => Deno.rename(`${dir.path}/next`, `${dir.path}/app`),
    () => dir.write({ "app/functions/b.ts": "" }),
  ];
  for (const step of steps) {
    const next = changes.next();
    await step();
    assertEquals((await next).done, false);
  }
  stop.abort();
});
