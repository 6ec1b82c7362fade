import type { Command } from "../../lib/cli/command.ts";
import { parseArguments } from "../../lib/settings/config.ts";
import { DENO_NEEDS } from "../../lib/sandbox/process/command.ts";
import { Logger } from "../../lib/base/log.ts";
import { taskArguments } from "../support/command_lines.ts";

/** What a command did. */
export interface CommandResult {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs a command in this process, with an environment of its own. */
export async function runCommand(
  command: Command,
  args: string[],
  env: Record<string, string> = {},
): Promise<CommandResult> {
  const stdout: string[] = [];
  const stderr: string[] = [];
  const code = await command.run({
    ...parseArguments(args, env, command.flags),
    log: new Logger({ level: "silent" }),
    print: (line) => void stdout.push(line),
    printError: (line) => void stderr.push(line),
  });
  return { code, stdout: stdout.join("\n"), stderr: stderr.join("\n") };
}

/**
 * Runs a command as `deno task` does, in a process of its own, with nothing in its environment but what is given, and what
 * Deno needs to find and download packages.
 */
export async function runMain(args: string[], env: Record<string, string> = {}): Promise<CommandResult> {
  const needed = ["PATH", ...DENO_NEEDS].flatMap((name) => {
    const value = Deno.env.get(name);
    return value === undefined ? [] : [[name, value]];
  });
  const command = new Deno.Command(Deno.execPath(), {
    args: taskArguments(args),
    env: { ...Object.fromEntries(needed), ...env },
    clearEnv: true,
    stdin: "null",
  });
  const { code, stdout, stderr } = await command.output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}
