import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { fileURLToPath } from "node:url";
import { join } from "node:path";
import { WarrenError } from "../../../lib/base/errors.ts";
import { init } from "../../../lib/cli/project/init.ts";
import { ownImports, ownMain } from "../../../lib/settings/own_package.ts";
import { folder } from "../../loader/folder.ts";
import { taskArguments } from "../../support/command_lines.ts";
import { runCommand, runMain } from "../run_command.ts";

/** Runs one of Deno's own commands in a project. */
async function deno(cwd: string, ...args: string[]): Promise<{ code: number; said: string }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args,
    cwd,
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  return { code, said: [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)).join("") };
}

Deno.test("init writes a project whose format, lint and tests pass, and says what is next", async () => {
  await using dir = await folder();
  const project = join(dir.path, "shop");
  const { code, stdout } = await runMain(["init", project]);
  assertEquals(code, 0);
  for (const next of ["deno task dev", "deno task publish hello", "deno task test"]) assertStringIncludes(stdout, next);
  assertStringIncludes(stdout, `runs Warren from ${ownMain()}`);
  for (const args of [["fmt", "--check"], ["lint"], ["task", "test", "--no-check"]]) {
    const { code, said } = await deno(project, ...args);
    assertEquals(code, 0, `deno ${args.join(" ")}: ${said}`);
  }
});

Deno.test("a project's tasks are Warren's own, with the same permissions, in the project's folder", async () => {
  await using dir = await folder();
  await runCommand(init, [dir.path]);
  const { tasks } = JSON.parse(await Deno.readTextFile(join(dir.path, "deno.json")));
  for (
    const name of ["start", "publish", "invoke", "new", "check", "cache", "dead", "status", "top", "pause", "resume"]
  ) {
    const words: string[] = tasks[name].command.split(" ").filter((word: string) => !word.startsWith("--unstable"));
    assertEquals(words.slice(1), taskArguments([name]), name);
  }
  assertStringIncludes(tasks.dev.command, `${tasks.start.command} --watch`);
  const { code, said } = await deno(dir.path, "task", "check", "--no-download");
  assertEquals(code, 0, said);
  assertMatch(said, /^hello\n/m);
});

Deno.test("init writes over nothing, and says what is there; with --force it does", async () => {
  await using dir = await folder({ "deno.json": "// mine", "functions/hello.ts": "// mine too" });
  const error = await assertRejects(() => runCommand(init, [dir.path]), WarrenError);
  assertEquals(error.code, "config");
  for (const name of ["deno.json", "functions/hello.ts", "--force"]) assertStringIncludes(error.message, name);
  assertEquals([...Deno.readDirSync(dir.path)].map(({ name }) => name).sort(), ["deno.json", "functions"]);
  assertEquals(await Deno.readTextFile(join(dir.path, "deno.json")), "// mine");
  await runCommand(init, [dir.path, "--force"]);
  assertStringIncludes(await Deno.readTextFile(join(dir.path, "functions/hello.ts")), "export default hello");
});

Deno.test("the image gets Warren from where the project has it, and starts without a download", async () => {
  await using dir = await folder();
  await runCommand(init, [dir.path]);
  const dockerfile = await Deno.readTextFile(join(dir.path, "Dockerfile"));
  const own = fileURLToPath(new URL("../../../", import.meta.url)).slice(0, -1);
  assertStringIncludes(dockerfile, `COPY --from=warren /app ${own}\n`);
  const entrypoint: string[] = JSON.parse(/^ENTRYPOINT (.*)$/m.exec(dockerfile)![1]);
  assert(entrypoint.includes("--cached-only"));
  assertEquals(entrypoint.at(-1), ownMain());
});

Deno.test("as a package, Warren is named by its range of versions; as a folder or an address, by its place", () => {
  const range = "^0.1.0";
  const jsr = new URL("https://jsr.io/@warren/warren/0.1.7/");
  assertEquals(ownMain({ root: jsr, range }), "jsr:@warren/warren@^0.1.0");
  assertEquals(ownImports({ root: jsr, range }), {
    "warren": "jsr:@warren/warren@^0.1.0/mod",
    "warren/client": "jsr:@warren/warren@^0.1.0/client",
    "warren/testing": "jsr:@warren/warren@^0.1.0/testing",
  });
  assertEquals(ownImports({ root: jsr }).warren, "jsr:@warren/warren@0.1.7/mod");
  const far = new URL("https://example.com/warren/");
  assertEquals([ownMain({ root: far }), ownImports({ root: far }).warren], [`${far}main.ts`, `${far}lib/mod.ts`]);
  assertEquals(ownMain({ root: new URL("file:///opt/war%20ren/") }), "/opt/war ren/main.ts");
});
