import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { cache } from "../../../lib/cli/project/cache.ts";
import { folder } from "../../loader/folder.ts";
import { EMPTY_LOCK, PACKAGE } from "../../loader/project/locked.ts";
import { runCommand, runMain } from "../run_command.ts";

const HANDLER = 'import { Cron } from "cron"; export default () => Cron;';

Deno.test("cache completes the project's lock file, with which production then has all it needs", async () => {
  await using dir = await folder({
    "deno.json": JSON.stringify({ imports: { cron: PACKAGE } }),
    "deno.lock": EMPTY_LOCK,
    "functions/a.ts": HANDLER,
  });
  const env = { FUNCTIONS_DIR: join(dir.path, "functions") };
  const refused = await runCommand(cache, ["--production"], env);
  assertEquals(refused.code, 1);
  assertStringIncludes(refused.stderr, PACKAGE);
  assertEquals(await Deno.readTextFile(join(dir.path, "deno.lock")), EMPTY_LOCK);
  const { code, stdout, stderr } = await runMain(["cache"], env);
  assertEquals([code, stdout], [0, "1 of 1 functions have all their imports in Deno's cache\n"], stderr);
  assertStringIncludes(await Deno.readTextFile(join(dir.path, "deno.lock")), PACKAGE);
  assertEquals((await runCommand(cache, ["--production"], env)).code, 0);
});

Deno.test("cache names the function that imports what cannot be had, and gives the others theirs", async () => {
  await using dir = await folder({
    "deno.json": JSON.stringify({ imports: { cron: PACKAGE } }),
    "functions/a.ts": HANDLER,
    // A port that nobody listens on.
    "functions/b.ts": 'import "http://127.0.0.1:1/module.ts"; export default () => {};',
  });
  const { code, stdout, stderr } = await runCommand(cache, [], { FUNCTIONS_DIR: join(dir.path, "functions") });
  assertEquals([code, stdout], [1, "1 of 2 functions have all their imports in Deno's cache"]);
  assertMatch(stderr, /^b: broken$/m);
  assertStringIncludes(await Deno.readTextFile(join(dir.path, "deno.lock")), PACKAGE);
});
