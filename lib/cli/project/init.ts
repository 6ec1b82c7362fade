import { dirname, join, relative } from "node:path";
import { WarrenError } from "../../base/errors.ts";
import { OWN_FOLDER, ownMain } from "../../settings/own_package.ts";
import type { Command } from "../command.ts";
import { containerFiles } from "./container_files.ts";
import { projectFiles } from "./project_files.ts";

/** Writes a project with one function. Overwrites existing files only with --force. */
export const init: Command = {
  summary: "Create a project: settings, a function with its test, Dockerfile",
  usage: "[DIR]",
  flags: [{ flag: "force", text: "Overwrite existing files." }],
  async run({ positional, flags, print }) {
    const [dir = ".", ...rest] = positional;
    if (rest.length > 0) throw new WarrenError("config", `init takes one folder, found "${rest[0]}" too`);
    const files = { ...projectFiles(), ...containerFiles() };
    const paths = Object.keys(files).map((name) => join(dir, name));
    const taken = flags.has("force") ? [] : await thoseThere(paths);
    if (taken.length > 0) {
      throw new WarrenError(
        "config",
        `${taken.join(", ")} ${taken.length === 1 ? "is" : "are"} there already, and nothing was written; choose ` +
          "another folder, or --force to write over them",
      );
    }
    for (const [name, text] of Object.entries(files)) {
      await Deno.mkdir(dirname(join(dir, name)), { recursive: true });
      await Deno.writeTextFile(join(dir, name), text);
      print(`wrote ${join(dir, name)}`);
    }
    nextSteps(dir).forEach((line) => print(line));
    return 0;
  },
};

async function thoseThere(paths: readonly string[]): Promise<string[]> {
  const there = paths.map((path) => Deno.lstat(path).then(() => [path], () => []));
  return (await Promise.all(there)).flat();
}

function nextSteps(dir: string): string[] {
  const away = relative(".", dir);
  const own = OWN_FOLDER === undefined ? [] : [
    "",
    `The project runs Warren from ${ownMain()}, because you ran this command from there.`,
    "On another machine, change that path in deno.json and in the Dockerfile.",
  ];
  return [
    "",
    "Next:",
    ...(away === "" ? [] : [`  cd ${away}`]),
    "  deno task dev                                    run the functions, and reload them as you save",
    `  deno task publish hello '{"name":"World"}'       in a second terminal: the function runs`,
    "  deno task test                                   run the tests",
    "  deno task new orders/created                     add a function",
    "  deno task cache                                  complete deno.lock, before you commit or build the image",
    ...own,
  ];
}
