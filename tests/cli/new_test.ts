import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { check } from "../../lib/cli/check/check.ts";
import { create } from "../../lib/cli/new.ts";
import { WarrenError } from "../../lib/base/errors.ts";
import { folder } from "../loader/folder.ts";
import { runCommand } from "./run_command.ts";

Deno.test("new writes a function that check finds nothing wrong with", async () => {
  await using functions = await folder();
  const env = { FUNCTIONS_DIR: functions.path };
  const written = await runCommand(create, ["greet"], env);
  assertEquals(written.code, 0);
  assertStringIncludes(written.stdout, join(functions.path, "greet.ts"));
  assertStringIncludes(written.stdout, "deno task publish greet");
  const checked = await runCommand(check, [], env);
  assertEquals([checked.code, checked.stderr], [0, ""]);
});

Deno.test("new makes the folders of a nested name, with slashes or dots", async () => {
  await using functions = await folder();
  const env = { FUNCTIONS_DIR: functions.path };
  const { stdout } = await runCommand(create, ["orders/created"], env);
  assertStringIncludes(stdout, "publish orders.created");
  await runCommand(create, ["orders.paid"], env);
  await runCommand(create, ["orders/sent.ts"], env);
  const names = [...Deno.readDirSync(join(functions.path, "orders"))].map(({ name }) => name);
  assertEquals(names.sort(), ["created.ts", "paid.ts", "sent.ts"]);
});

Deno.test("new does not write over a function unless it is forced to", async () => {
  await using functions = await folder({ "greet.ts": "// mine" });
  const env = { FUNCTIONS_DIR: functions.path };
  const file = join(functions.path, "greet.ts");
  const error = await assertRejects(() => runCommand(create, ["greet"], env), WarrenError);
  assertStringIncludes(error.message, "--force");
  assertEquals(await Deno.readTextFile(file), "// mine");
  await runCommand(create, ["greet", "--force"], env);
  assertStringIncludes(await Deno.readTextFile(file), "export default");
});

Deno.test("new refuses names that would leave the folder or be no function", async () => {
  await using functions = await folder();
  const env = { FUNCTIONS_DIR: functions.path };
  for (const name of ["../up", "/root", "_private", ".hidden", "a//b", "a b", "greet_test", "greet.test", ""]) {
    const error = await assertRejects(() => runCommand(create, [name], env), WarrenError);
    assertEquals(error.code, "config");
  }
  await assertRejects(() => runCommand(create, [], env), WarrenError, "one name");
  assertEquals([...Deno.readDirSync(functions.path)], []);
});
