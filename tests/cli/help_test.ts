import { assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { check } from "../../lib/cli/check/check.ts";
import { helpCommand, optionsMarkdown, unknownCommand } from "../../lib/cli/help.ts";
import { publish } from "../../lib/cli/publish.ts";
import { OPTIONS } from "../../lib/settings/options.ts";
import { WarrenError } from "../../lib/base/errors.ts";
import { runCommand } from "./run_command.ts";

const COMMANDS = { publish, check };
const help = helpCommand(COMMANDS);

Deno.test("help names every command and every option with its variable", async () => {
  const { code, stdout } = await runCommand(help, []);
  assertEquals(code, 0);
  for (const [name, { summary }] of Object.entries(COMMANDS)) {
    assertStringIncludes(stdout, `${name.padEnd(9)} ${summary}`);
  }
  for (const { flag, env, boolean } of OPTIONS) {
    assertStringIncludes(stdout, boolean ? `--[no-]${flag}` : `--${flag}`);
    assertStringIncludes(stdout, env);
  }
});

Deno.test("help COMMAND has the command's own flags", async () => {
  const { stdout } = await runCommand(help, ["publish"]);
  assertStringIncludes(stdout, "usage: deno task publish QUEUE [BODY]");
  assertMatch(stdout, /--header KEY=VALUE +A header\. You can repeat it/);
});

Deno.test("help of an unknown command names the nearest", () => {
  const error = unknownCommand(COMMANDS, "publsh");
  assertEquals([error.code, error.message], ["config", 'unknown command "publsh"; did you mean publish?']);
  assertStringIncludes(unknownCommand(COMMANDS, "entirely-else").message, "there are publish, check");
});

Deno.test("help of what every object has is unknown too", async () => {
  await assertRejects(() => runCommand(help, ["toString"]), WarrenError, 'unknown command "toString"');
});

Deno.test("docs/configuration.md is what the table says: main.ts help --markdown > docs/configuration.md", async () => {
  const file = new URL("../../docs/configuration.md", import.meta.url);
  assertEquals(await Deno.readTextFile(file), optionsMarkdown() + "\n");
});
