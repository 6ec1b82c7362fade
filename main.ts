import { broker } from "./lib/cli/broker.ts";
import { check } from "./lib/cli/check/check.ts";
import type { Command } from "./lib/cli/command.ts";
import { dead } from "./lib/cli/dead/dead.ts";
import { helpCommand, unknownCommand } from "./lib/cli/help.ts";
import { invoke } from "./lib/cli/invoke/invoke.ts";
import { create } from "./lib/cli/new.ts";
import { pause, resume } from "./lib/cli/pause.ts";
import { publish } from "./lib/cli/publish.ts";
import { start } from "./lib/cli/start.ts";
import { parseArguments, VERSION } from "./lib/settings/config.ts";
import { describeError, WarrenError } from "./lib/base/errors.ts";
import { Logger } from "./lib/base/log.ts";
import { withoutLogins } from "./lib/base/secret_url.ts";

const COMMANDS: Record<string, Command> = { start, broker, publish, dead, invoke, new: create, check, pause, resume };
COMMANDS.help = helpCommand(COMMANDS);

/** Finds the command, reads the options, and gives the exit code. */
async function main(args: readonly string[]): Promise<number> {
  const typed = args.includes("--") ? args.slice(0, args.indexOf("--")) : args;
  if (typed.includes("--version")) {
    console.log(`warren ${VERSION}`);
    return 0;
  }
  const [first] = args;
  const named = first !== undefined && !first.startsWith("-");
  const explain = typed.includes("--help") || typed.includes("-h");
  const name = explain ? "help" : named ? first : "start";
  if (!Object.hasOwn(COMMANDS, name)) throw unknownCommand(COMMANDS, name);
  const command = COMMANDS[name];
  // With --help, everything but the command is ignored: other arguments may contain the very mistake.
  const rest = explain ? typed.filter((arg) => named && arg === first && arg !== "help") : args.slice(named ? 1 : 0);
  const parsed = parseArguments(rest, name === "help" ? {} : Deno.env.toObject(), command.flags);
  const terminal = Deno.stderr.isTerminal();
  const format = parsed.options.logFormat ?? (terminal ? "text" : "json");
  const color = terminal && format === "text" && !Deno.env.get("NO_COLOR");
  const log = new Logger({ level: parsed.options.logLevel, format, color });
  return await command.run({ ...parsed, log, print: console.log, printError: console.error });
}

try {
  Deno.exit(await main(Deno.args));
} catch (error) {
  console.error(`warren: ${withoutLogins(describeError(error))}`);
  Deno.exit(error instanceof WarrenError && error.code === "config" ? 2 : 1);
}
