import { dirname, relative, resolve } from "node:path";
import { describeError, WarrenError } from "../../base/errors.ts";
import type { LoadedFunction } from "../../loader/loader.ts";
import { type Command, takesNothing } from "../command.ts";
import { withFunctions } from "../shared/read_functions.ts";

const FILE = "functions.types.ts";

/** Writes the types of all functions, for programs that publish to them by `warren/client`. */
export const types: Command = {
  summary: "Write the types of all functions, for programs that call them",
  flags: [
    { flag: "out", value: "FILE", text: `The file to write. Default: ${FILE}. - is standard output.` },
    { flag: "check", text: "Write nothing. The exit code is 1 if the file is not up to date." },
  ],
  async run(context) {
    const { positional, flags, print, printError } = context;
    takesNothing("types", positional);
    const out = flags.get("out")?.at(-1) ?? FILE;
    const functions = await withFunctions(context, ({ functions }) => functions);
    const broken = functions.filter((loaded) => "error" in loaded);
    for (const { name, error } of broken) printError(`${name} is left out, because it is broken: ${error}`);
    const text = typesOf(functions, out === "-" ? Deno.cwd() : dirname(resolve(out)));
    if (out === "-") print(text.trimEnd());
    else if (flags.has("check")) return await isSame(out, text) ? 0 : outdated(out, printError);
    else await write(out, text, print);
    return broken.length > 0 ? 1 : 0;
  },
};

/** The module with the types. @param folder where it stands */
export function typesOf(functions: readonly LoadedFunction[], folder: string): string {
  const known = functions.filter((loaded) => "definition" in loaded).sort((a, b) => a.name < b.name ? -1 : 1);
  const lines = known.map(({ name, file }) => {
    const path = relative(folder, file).replaceAll("\\", "/");
    const module = JSON.stringify(path.startsWith(".") ? path : `./${path}`);
    return `  ${JSON.stringify(name)}: FunctionOf<typeof import(${module})>;`;
  });
  const others = known.filter(({ name, definition }) => definition.queue.name !== name);
  const queues = others.map(({ name, definition }) =>
    `  ${JSON.stringify(name)}: ${JSON.stringify(definition.queue.name)},`
  );
  return [
    "// Written by `types`. Do not edit: write it again when functions come, go or change.",
    'import type { FunctionOf } from "warren/client";',
    "",
    "/** The functions, for `connect<Functions>()`. */",
    "export type Functions = {",
    ...lines,
    "};",
    "",
    "/** The queues of functions whose queue has another name than they. */",
    `export const queues: Readonly<Record<string, string>> = {${queues.length > 0 ? "" : "};"}`,
    ...(queues.length > 0 ? [...queues, "};"] : []),
    "",
  ].join("\n");
}

async function isSame(file: string, text: string): Promise<boolean> {
  return await Deno.readTextFile(file).catch(() => undefined) === text;
}

function outdated(file: string, printError: (line: string) => void): number {
  printError(`${file} is not up to date; write it with: types --out ${file}`);
  return 1;
}

async function write(file: string, text: string, print: (line: string) => void): Promise<void> {
  try {
    await Deno.writeTextFile(file, text);
  } catch (cause) {
    throw new WarrenError("config", `"${file}" cannot be written: ${describeError(cause)}`, { cause });
  }
  print(`${file} is written`);
}
