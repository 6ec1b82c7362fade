import { assertEquals, assertRejects } from "@std/assert";
import { fileURLToPath } from "node:url";
import { join } from "node:path";
import { projectRoot, readProject } from "../../../lib/loader/project/project.ts";
import { folder } from "../folder.ts";

Deno.test("a project is the nearest folder above the functions with a deno.json, a deno.jsonc or a package.json", async () => {
  await using dir = await folder({
    "deno.json": "{}",
    "one/deno.jsonc": "{}",
    "one/src/functions/a.ts": "",
    "two/package.json": "{}",
    "two/functions/a.ts": "",
    "three/functions/a.ts": "",
  });
  const roots = ["one/src/functions", "two/functions", "three/functions", "three/functions/none"].map(async (path) =>
    await projectRoot(join(dir.path, path))
  );
  assertEquals(
    await Promise.all(roots),
    ["one", "two", "", ""].map((path) => join(dir.path, path, ".").replace(/\/$/, "")),
  );
});

Deno.test("Warren's own folder is no project, also where a link leads to it", async () => {
  const own = fileURLToPath(new URL("../../../", import.meta.url));
  await using dir = await folder();
  await Deno.symlink(own, join(dir.path, "link"));
  assertEquals(await projectRoot(join(own, "functions")), undefined);
  assertEquals(await projectRoot(join(dir.path, "link/functions")), undefined);
});

Deno.test("settings may have comments, and a file that is none is an error with its name", async () => {
  await using dir = await folder({ "deno.jsonc": '{ // yes\n "imports": { "a": "./a.ts", }, }', "functions/a.ts": "" });
  const project = await readProject(join(dir.path, "functions"));
  assertEquals(project?.config?.content, { imports: { a: "./a.ts" } });
  for (
    const [text, why] of [["{", "cannot be read"], ["[]", "expected an object"], ['{ "a": b() }', "expected JSON"]]
  ) {
    await dir.write({ "deno.jsonc": text });
    const error = await assertRejects(() => readProject(join(dir.path, "functions")), Error, why);
    assertEquals(error.message.includes("deno.jsonc"), true);
  }
});

Deno.test("the lock file is where deno.json says, else beside it; in a workspace it is the workspace's", async () => {
  await using dir = await folder({
    "plain/deno.json": "{}",
    "named/deno.json": '{ "lock": "./locks/a.lock" }',
    "listed/deno.json": '{ "lock": { "path": "b.lock", "frozen": true } }',
    "none/deno.json": '{ "lock": false }',
    "mono/deno.json": '{ "workspace": ["./packages/*", "./tools"], "imports": { "x": "npm:x@1" } }',
    "mono/packages/a/deno.json": "{}",
    "mono/packages/a/deep/deno.json": "{}",
    "mono/tools/deno.json": "{}",
  });
  const lock = async (path: string) => (await readProject(join(dir.path, path)))?.lock?.slice(dir.path.length + 1);
  assertEquals(await lock("plain"), "plain/deno.lock");
  assertEquals(await lock("named"), "named/locks/a.lock");
  assertEquals(await lock("listed"), "listed/b.lock");
  assertEquals(await lock("none"), undefined);
  assertEquals(await lock("mono/packages/a"), "mono/deno.lock");
  assertEquals(await lock("mono/tools"), "mono/deno.lock");
  assertEquals(await lock("mono/packages/a/deep"), "mono/packages/a/deep/deno.lock", "no member of the workspace");
});
