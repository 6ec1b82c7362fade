import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { fileURLToPath } from "node:url";
import deno from "../deno.json" with { type: "json" };
import { folder } from "./loader/folder.ts";
import { JsrRegistry } from "./support/jsr_registry.ts";

const ROOT = fileURLToPath(new URL("../", import.meta.url));

Deno.test("the package can be published: types, licence, README, and every export is there", async () => {
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["publish", "--dry-run", "--allow-dirty"],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "null",
  }).output();
  const said = new TextDecoder().decode(stderr);
  assertEquals(code, 0, said.slice(-2_000));
  assertStringIncludes(said, "Success Dry run complete");
});

Deno.test("what is published is the code and what describes it, and nothing that builds or tests it", async () => {
  await using registry = await JsrRegistry.publish();
  const { paths } = registry;
  for (const path of ["/deno.json", "/LICENSE", "/README.md", ...Object.values(deno.exports)]) {
    assert(paths.includes(path.replace("./", "/")), `${path} is not published`);
  }
  const strange = paths.filter((path) =>
    !path.startsWith("/lib/") && !/^\/(deno\.json|main\.ts|[A-Z]+(\.md)?)$/.test(path)
  );
  assertEquals(strange, []);
});

Deno.test("jsr:@warren/warren runs as a command, with nothing of this repository", async () => {
  await using registry = await JsrRegistry.publish();
  await using dir = await folder({ "deno.json": "{}" });
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "-A", "jsr:@warren/warren", "--version"],
    cwd: dir.path,
    env: { ...registry.env, DENO_DIR: `${dir.path}/cache`, NO_COLOR: "1" },
    stdin: "null",
  }).output();
  assertEquals(
    [code, new TextDecoder().decode(stdout)],
    [0, `warren ${deno.version}\n`],
    new TextDecoder().decode(stderr),
  );
});
