import { assertEquals, assertStringIncludes } from "@std/assert";
import { types } from "../../../lib/cli/project/types.ts";
import { folder } from "../../loader/folder.ts";
import { runCommand } from "../run_command.ts";

Deno.test("types writes a module with each function's types and queue, and notices when it is old", async () => {
  await using functions = await folder({
    "orders/created.ts": "export default () => {};",
    "resize.ts": `export const config = { queue: "pictures.resize" };\nexport default () => {};`,
  });
  await using out = await folder({});
  const file = `${out.path}/functions.types.ts`;
  const env = { FUNCTIONS_DIR: functions.path };
  const run = (...args: string[]) => runCommand(types, ["--out", file, ...args], env);
  assertEquals((await run("--check")).code, 1);
  assertEquals((await run()).code, 0);
  const text = await Deno.readTextFile(file);
  assertStringIncludes(text, `"orders.created": FunctionOf<typeof import("../`);
  assertStringIncludes(text, `orders/created.ts")>;`);
  assertStringIncludes(text, `  "resize": "pictures.resize",`);
  assertEquals((await run("--check")).code, 0);
  await Deno.writeTextFile(`${functions.path}/broken.ts`, "export default 5;");
  const broken = await run();
  assertEquals(broken.code, 1);
  assertStringIncludes(broken.stderr, "broken is left out, because it is broken");
});
