import { check } from "./lib/cli/check.ts";
import type { Command } from "./lib/cli/command.ts";
import { helpCommand, unknownCommand } from "./lib/cli/help.ts";
import { create } from "./lib/cli/new.ts";
import { publish } from "./lib/cli/publish.ts";
import { start } from "./lib/cli/start.ts";
import { parseArguments } from "./lib/config.ts";
import { describeError, WarrenError } from "./lib/errors.ts";
import { Logger } from "./lib/log.ts";
import project from "./deno.json" with { type: "json" };

const COMMANDS: Record<string, Command> = { start, publish, new: create, check };
COMMANDS.help = helpCommand(COMMANDS);

/** Finds the command, reads the options, and gives the exit code. */
async function main(args: readonly string[]): Promise<number> {
  if (args.includes("--version")) {
    console.log(`warren ${project.version}`);
    return 0;
  }
  const [first] = args;
  const named = first !== undefined && !first.startsWith("-");
  const name = args.includes("--help") || args.includes("-h") ? "help" : named ? first : "start";
  const command = COMMANDS[name];
  if (!command) throw unknownCommand(COMMANDS, name);
  const rest = args.slice(named ? 1 : 0).filter((arg) => arg !== "--help" && arg !== "-h");
  if (name === "help" && named && first !== "help") rest.unshift(first);
  const parsed = parseArguments(rest, Deno.env.toObject(), command.flags);
  const terminal = Deno.stderr.isTerminal();
  const format = parsed.options.logFormat ?? (terminal ? "text" : "json");
  const color = terminal && format === "text" && !Deno.env.get("NO_COLOR");
  const log = new Logger({ level: parsed.options.logLevel, format, color });
  return await command.run({ ...parsed, log, print: console.log, printError: console.error });
}

try {
  Deno.exit(await main(Deno.args));
} catch (error) {
  console.error(`warren: ${describeError(error)}`);
  Deno.exit(error instanceof WarrenError && error.code === "config" ? 2 : 1);
}
