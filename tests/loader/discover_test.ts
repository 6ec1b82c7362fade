import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { WarrenError } from "../../lib/errors.ts";
import { discoverFunctions } from "../../lib/loader/discover.ts";
import { folder } from "./folder.ts";

const names = async (dir: string) => (await discoverFunctions(dir)).map(({ name }) => name);

Deno.test("discoverFunctions() finds modules in all folders, named by their paths, sorted", async () => {
  await using dir = await folder({
    "hello.ts": "",
    "b.js": "",
    "orders/created.ts": "",
    "orders/eu/paid.mjs": "",
    "view.tsx": "",
    "c.jsx": "",
    "d.mts": "",
  });
  assertEquals(await names(dir.path), ["b", "c", "d", "hello", "orders.created", "orders.eu.paid", "view"]);
  assertEquals((await discoverFunctions(dir.path)).at(4), {
    name: "orders.created",
    file: `${dir.path}/orders/created.ts`,
  });
});

Deno.test("discoverFunctions() passes over helpers, hidden files, tests, declarations and other files", async () => {
  await using dir = await folder({
    "_shared.ts": "",
    "_lib/x.ts": "",
    ".hidden.ts": "",
    ".git/x.ts": "",
    "node_modules/x/index.js": "",
    "a_test.ts": "",
    "a.test.ts": "",
    "types.d.ts": "",
    "data.json": "",
    "README.md": "",
    "contest.ts": "",
  });
  assertEquals(await names(dir.path), ["contest"]);
});

Deno.test("a name that no function can have is a broken function", async () => {
  await using dir = await folder({ "héllo.ts": "", "a b.ts": "", [`${"x".repeat(202)}.ts`]: "" });
  for (const { error } of await discoverFunctions(dir.path)) {
    assertStringIncludes(error ?? "", "cannot be a function's name");
  }
});

Deno.test("of two files with one name the second is broken, under a name of its own", async () => {
  await using dir = await folder({ "greet.js": "", "greet.ts": "", "a/b.ts": "", "a.b.ts": "" });
  const found = await discoverFunctions(dir.path);
  assertEquals(found.map(({ name, error }) => [name, error]), [
    ["a.b", undefined],
    ["a.b.ts", 'function "a.b" is in "a.b.ts" already: rename one'],
    ["greet", undefined],
    ["greet.js", 'function "greet" is in "greet.ts" already: rename one'],
  ]);
});

Deno.test("links inside the folder are followed, links out of it, in circles or to nowhere are not", async () => {
  await using outside = await folder({ "secret.ts": "" });
  await using dir = await folder({ "..data/greet.ts": "", "sub/x.ts": "" });
  await Deno.symlink("..data/greet.ts", `${dir.path}/greet.ts`);
  await Deno.symlink("..", `${dir.path}/sub/up`);
  await Deno.symlink(outside.path, `${dir.path}/out`);
  await Deno.symlink(`${outside.path}/secret.ts`, `${dir.path}/secret.ts`);
  await Deno.symlink("nowhere.ts", `${dir.path}/gone.ts`);
  assertEquals(await names(dir.path), ["greet", "sub.x"]);
});

Deno.test("a functions folder that is missing, or a file, is a config error that names it", async () => {
  await using dir = await folder({ "file.ts": "" });
  const error = await assertRejects(() => discoverFunctions(`${dir.path}/none`), WarrenError, `${dir.path}/none`);
  assertEquals((error as WarrenError).code, "config");
  await assertRejects(() => discoverFunctions(`${dir.path}/file.ts`), WarrenError, "is not a folder");
});
