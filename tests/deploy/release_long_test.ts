import { assertEquals, assertStringIncludes } from "@std/assert";
import { fileURLToPath } from "node:url";
import { folder } from "../loader/folder.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const AUTHOR = {
  GIT_AUTHOR_NAME: "a",
  GIT_AUTHOR_EMAIL: "a@b.c",
  GIT_COMMITTER_NAME: "a",
  GIT_COMMITTER_EMAIL: "a@b.c",
};

async function run(cwd: string, command: string, ...args: string[]) {
  const { code, stdout, stderr } = await new Deno.Command(command, { args, cwd, env: AUTHOR, stdin: "null" }).output();
  const [out, error] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  return { code, out: out.trim(), error };
}

Deno.test("a release is a commit with the version and the changelog, and a tag with the changes", async () => {
  await using dir = await folder();
  assertEquals((await run(dir.path, "git", "clone", "--quiet", "--depth=1", `file://${ROOT}`, "warren")).code, 0);
  const clone = `${dir.path}/warren`;
  const release = (version: string) => run(clone, Deno.execPath(), "run", "-A", "deploy/release.ts", version);
  assertStringIncludes((await release("next")).error, 'found "next"');
  const { code, out, error } = await release("9.8.7");
  assertEquals(code, 0, error);
  assertStringIncludes(out, "v9.8.7 is committed and tagged");
  assertEquals((await run(clone, "git", "status", "--porcelain")).out, "");
  assertEquals((await run(clone, "git", "log", "-1", "--format=%s")).out, "Release 9.8.7");
  assertStringIncludes((await run(clone, "git", "show", "v9.8.7:deno.json")).out, '"version": "9.8.7"');
  assertStringIncludes((await run(clone, "git", "tag", "--list", "--format=%(contents)", "v9.8.7")).out, "### Added");
  assertStringIncludes((await release("9.8.8")).error, "no changes");
});
