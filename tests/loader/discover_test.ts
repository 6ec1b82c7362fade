import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { WarrenError } from "../../lib/base/errors.ts";
import { discoverFunctions } from "../../lib/loader/discover.ts";
import { folder } from "./folder.ts";

const names = async (dir: string) => (await discoverFunctions(dir)).functions.map(({ name }) => name);

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
  assertEquals((await discoverFunctions(dir.path)).functions.at(4), {
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
  for (const { error } of (await discoverFunctions(dir.path)).functions) {
    assertStringIncludes(error ?? "", "cannot be a function's name");
  }
});

Deno.test("of two files with one name the second is broken, under a name of its own", async () => {
  await using dir = await folder({ "greet.js": "", "greet.ts": "", "a/b.ts": "", "a.b.ts": "" });
  const { functions: found } = await discoverFunctions(dir.path);
  assertEquals(found.map(({ name, error }) => [name, error]), [
    ["a.b", undefined],
    ["a.b.ts", 'function "a.b" is in "a.b.ts" already: rename one'],
    ["greet", undefined],
    ["greet.js", 'function "greet" is in "greet.ts" already: rename one'],
  ]);
});

/** The functions of a folder that have no error, and the errors of the others. */
async function sorted(dir: string): Promise<[fine: string[], broken: Record<string, string>]> {
  const { functions } = await discoverFunctions(dir);
  const broken = functions.filter(({ error }) => error !== undefined).map(({ name, error }) => [name, error!]);
  return [functions.filter(({ error }) => error === undefined).map(({ name }) => name), Object.fromEntries(broken)];
}

Deno.test("links in the folder and to what is beside it are functions, named by the path as it is written", async () => {
  await using project = await folder({
    "functions/..data/greet.ts": "",
    "functions/sub/x.ts": "",
    "teams/orders/paid.ts": "",
    "shared/tool.ts": "",
  });
  const dir = `${project.path}/functions`;
  await Deno.symlink("..data/greet.ts", `${dir}/greet.ts`);
  await Deno.symlink("../teams/orders", `${dir}/orders`);
  await Deno.symlink("../shared/tool.ts", `${dir}/maintain.ts`);
  await Deno.symlink("..", `${dir}/sub/up`);
  assertEquals(await sorted(dir), [["greet", "maintain", "orders.paid", "sub.x"], {}]);

  await Deno.symlink(dir, `${project.path}/current`);
  assertEquals(await sorted(`${project.path}/current`), [["greet", "maintain", "orders.paid", "sub.x"], {}]);
});

Deno.test("a link to nowhere, in a circle or out of the project is an error of that one function", async () => {
  await using outside = await folder({ "secret.ts": "", "more/x.ts": "" });
  await using project = await folder({ "functions/fine.ts": "", "functions/both.ts": "" });
  const dir = `${project.path}/functions`;
  const links = {
    "gone.ts": "nowhere.ts",
    "chain.ts": "gone.ts",
    "mounted": "/nowhere/mounted",
    "both": "nowhere",
    "one.ts": "two.ts",
    "two.ts": "one.ts",
    "through.ts": "fine.ts/x.ts",
    "secret.ts": `${outside.path}/secret.ts`,
    "more": `${outside.path}/more`,
    "all": "../..",
    "notes.txt": "nowhere.txt",
    ".#fine.ts": "user@host.42:1",
  };
  for (const [name, target] of Object.entries(links)) await Deno.symlink(target, `${dir}/${name}`);
  const [fine, broken] = await sorted(dir);
  assertEquals(fine, ["both", "fine"]);
  const expected: Record<string, string> = {
    gone: 'it is a link to "nowhere.ts", which is not there',
    chain: 'it is a link to "gone.ts", which is not there',
    mounted: 'it is a link to "/nowhere/mounted", which is not there',
    both_: 'it is a link to "nowhere", which is not there',
    one: 'it is a link to "two.ts", which leads back to itself',
    two: 'it is a link to "one.ts", which leads back to itself',
    through: 'it is a link to "fine.ts/x.ts", which cannot be followed',
    secret: `it is a link to "${outside.path}/secret.ts", which is outside of ${project.path}`,
    more: `it is a link to "${outside.path}/more", which is outside of ${project.path}`,
    all: "which the functions folder is in",
  };
  assertEquals(Object.keys(broken).sort(), Object.keys(expected).sort());
  for (const [name, error] of Object.entries(expected)) assertStringIncludes(broken[name], error);
});

Deno.test("a functions folder that is a link to nowhere or in a circle says so", async () => {
  await using dir = await folder();
  await Deno.symlink("releases/42", `${dir.path}/gone`);
  await Deno.symlink("loop", `${dir.path}/loop`);
  for (const [name, why] of [["gone", '"releases/42", which is not there'], ["loop", "leads back to itself"]]) {
    await assertRejects(() => discoverFunctions(`${dir.path}/${name}`), WarrenError, why);
  }
});

Deno.test("a functions folder that is missing, or a file, is a config error that names it", async () => {
  await using dir = await folder({ "file.ts": "" });
  const error = await assertRejects(() => discoverFunctions(`${dir.path}/none`), WarrenError, `${dir.path}/none`);
  assertEquals((error as WarrenError).code, "config");
  await assertRejects(() => discoverFunctions(`${dir.path}/file.ts`), WarrenError, "is not a folder");
});
