import { OPTIONS, type OptionSpec } from "../settings/options.ts";
import { WarrenError } from "../base/errors.ts";
import { nearest } from "../base/nearest.ts";
import type { Command } from "./command.ts";

/** The table of commands is in main's hands; the help speaks of all of them. */
export function helpCommand(commands: Readonly<Record<string, Command>>): Command {
  return {
    summary: "Explain the commands and the options",
    usage: "[COMMAND]",
    flags: [{ flag: "markdown", text: "The options as docs/configuration.md has them." }],
    run({ positional: [name], flags, print }) {
      if (flags.has("markdown")) print(optionsMarkdown());
      else print(name === undefined ? overview(commands) : explain(commands, name));
      return 0;
    },
  };
}

function overview(commands: Readonly<Record<string, Command>>): string {
  const rows = Object.entries(commands).map(([name, { summary }]) => `  ${name.padEnd(9)} ${summary}`);
  return [
    "Warren runs the functions in a folder for the messages of an AMQP 0-9-1 broker.",
    "",
    `usage: deno task ${
      Object.keys(commands).filter((name) => name !== "help").join(" | ")
    }, or main.ts [COMMAND] [FLAGS]`,
    "",
    "Commands:",
    ...rows,
    "",
    "help COMMAND says more; --version prints the version.",
    "",
    ...optionRows(),
  ].join("\n");
}

function explain(commands: Readonly<Record<string, Command>>, name: string): string {
  if (!Object.hasOwn(commands, name)) throw unknownCommand(commands, name);
  const command = commands[name];
  const own = (command.flags ?? []).map(({ flag, value, text }) =>
    `  --${`${flag}${value ? ` ${value}` : ""}`.padEnd(24)} ${text}`
  );
  return [
    `${name}: ${command.summary}`,
    "",
    `usage: main.ts ${name}${command.usage ? ` ${command.usage}` : ""} [FLAGS]`,
    ...(own.length > 0 ? ["", ...own] : []),
    "",
    ...optionRows(),
  ].join("\n");
}

export function unknownCommand(commands: Readonly<Record<string, Command>>, name: string): WarrenError {
  const near = nearest(name, Object.keys(commands));
  const mend = near ? `did you mean ${near}?` : `there are ${Object.keys(commands).join(", ")}`;
  return new WarrenError("config", `unknown command "${name}"; ${mend}`);
}

function optionRows(): string[] {
  const rows = OPTIONS.map((option) => {
    const { env, default: given, text } = option;
    return `  ${spelling(option).padEnd(18)} ${env.padEnd(16)} ${text}${given === undefined ? "" : ` [${given}]`}`;
  });
  return ["Options, as flags or environment variables:", ...rows];
}

function spelling({ flag, boolean }: OptionSpec): string {
  return boolean ? `--[no-]${flag}` : `--${flag}`;
}

/** docs/configuration.md, whole, and as the formatter leaves it. */
export function optionsMarkdown(): string {
  const rows = OPTIONS.map((option) => {
    const { env, default: given, text, secret } = option;
    const variable = secret ? `\`${env}\`, \`${env}_FILE\`` : `\`${env}\``;
    return [`\`${spelling(option)}\``, variable, given === undefined ? "" : `\`${given}\``, text];
  });
  return [
    "# Configuration",
    "",
    "Flags come before environment variables, and those before the defaults. A variable that ends in `_FILE` names a file",
    "with the value, for secrets. What a single function can be told is its own [`config`](functions.md).",
    "",
    ...table(["flag", "variable", "default", "what it is"], rows),
    "",
    "Durations are milliseconds or a number with `ms`, `s`, `m`, `h` or `d`; sizes are bytes or a number with `KB`, `MB` or",
    "`GB`. This page is written by `main.ts help --markdown`.",
  ].join("\n");
}

function table(head: readonly string[], rows: readonly string[][]): string[] {
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => row[column].length)));
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column])).join(" | ")} |`;
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)];
}
