import { broker } from "./lib/cli/broker.ts";
import { cancel } from "./lib/cli/cancel.ts";
import { check } from "./lib/cli/check/check.ts";
import type { Command } from "./lib/cli/command.ts";
import { dead } from "./lib/cli/dead/dead.ts";
import { doctor } from "./lib/cli/doctor/doctor.ts";
import { helpCommand, unknownCommand } from "./lib/cli/help.ts";
import { types } from "./lib/cli/project/types.ts";
import { invoke } from "./lib/cli/invoke/invoke.ts";
import { create } from "./lib/cli/new.ts";
import { cache } from "./lib/cli/project/cache.ts";
import { init } from "./lib/cli/project/init.ts";
import { pause, resume } from "./lib/cli/operate/pause.ts";
import { status } from "./lib/cli/operate/status.ts";
import { top } from "./lib/cli/operate/top.ts";
import { publish } from "./lib/cli/publish.ts";
import { queue } from "./lib/cli/queue/queue.ts";
import { runNow } from "./lib/cli/operate/run_now.ts";
import { logs } from "./lib/cli/runs/logs.ts";
import { runs } from "./lib/cli/runs/runs.ts";
import { start } from "./lib/cli/start.ts";
import { projectRoot } from "./lib/loader/project/project.ts";
import { type Arguments, type CommandFlag, parseArguments, VERSION } from "./lib/settings/config.ts";
import { readEnvFiles } from "./lib/settings/env_file.ts";
import { describeError, WarrenError } from "./lib/base/errors.ts";
import { Logger } from "./lib/base/log.ts";
import { withoutLogins } from "./lib/base/secret_url.ts";

const COMMANDS: Record<string, Command> = {
  start,
  broker,
  publish,
  invoke,
  runs,
  logs,
  dead,
  queue,
  cancel,
  status,
  top,
  pause,
  resume,
  "run-now": runNow,
  check,
  doctor,
  init,
  new: create,
  types,
  cache,
};
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
  const parsed = name === "help" ? parseArguments(rest, {}, command.flags) : await parse(rest, command.flags);
  const terminal = Deno.stderr.isTerminal();
  const format = parsed.options.logFormat ?? (terminal ? "text" : "json");
  const color = terminal && format === "text" && !Deno.env.get("NO_COLOR");
  const log = new Logger({ level: parsed.options.logLevel, format, color });
  return await command.run({ ...parsed, log, print: console.log, printError: console.error });
}

/** The options, with what the project's `.env` adds to the environment, which functions see too. */
async function parse(args: readonly string[], flags: readonly CommandFlag[] | undefined): Promise<Arguments> {
  const env = Deno.env.toObject();
  const parsed = parseArguments(args, env, flags);
  const more = readEnvFiles(parsed.options, env, await projectRoot(parsed.options.functionsDir));
  for (const [variable, value] of Object.entries(more)) Deno.env.set(variable, value);
  return parseArguments(args, { ...more, ...env }, flags);
}

try {
  Deno.exit(await main(Deno.args));
} catch (error) {
  console.error(`warren: ${withoutLogins(describeError(error))}`);
  Deno.exit(error instanceof WarrenError && error.code === "config" ? 2 : 1);
}
