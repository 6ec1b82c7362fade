import { WarrenError } from "../base/errors.ts";
import type { Arguments, CommandFlag } from "../settings/config.ts";
import type { Logger } from "../base/log.ts";

/** What every command gets. */
export interface CommandContext extends Arguments {
  log: Logger;
  /** One line to standard output. */
  print(line: string): void;
  /** One line to standard error. */
  printError(line: string): void;
}

/** One word that can follow `main.ts`. */
export interface Command {
  /** What it does, in a line. */
  summary: string;
  /** What follows the command: `QUEUE [BODY]`. */
  usage?: string;
  flags?: readonly CommandFlag[];
  /** Gives the exit code. */
  run(context: CommandContext): number | Promise<number>;
}

/** @throws {WarrenError} `config` when something was typed that the command has no use for */
export function takesNothing(command: string, positional: readonly string[]): void {
  if (positional.length === 0) return;
  throw new WarrenError(
    "config",
    `${command} takes no arguments, found "${positional[0]}"; commands come before flags`,
  );
}
