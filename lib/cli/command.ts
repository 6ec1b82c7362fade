import { WarrenError } from "../base/errors.ts";
import type { Arguments, CommandFlag } from "../settings/config.ts";
import type { Logger } from "../base/log.ts";

/** The input of every command. */
export interface CommandContext extends Arguments {
  log: Logger;
  /** Writes one line to standard output. */
  print(line: string): void;
  /** Writes one line to standard error. */
  printError(line: string): void;
}

/** A command, as in `deno task publish`. */
export interface Command {
  /** A summary in one line. */
  summary: string;
  /** The positional arguments, as in `QUEUE [BODY]`. */
  usage?: string;
  flags?: readonly CommandFlag[];
  /** Resolves with the exit code. */
  run(context: CommandContext): number | Promise<number>;
}

/** @throws {WarrenError} `config` if there are arguments: the command takes none */
export function takesNothing(command: string, positional: readonly string[]): void {
  if (positional.length === 0) return;
  throw new WarrenError(
    "config",
    `${command} takes no arguments, found "${positional[0]}"; commands come before flags`,
  );
}
