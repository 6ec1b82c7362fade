/**
 * The command lines that users run, taken from deno.json and the Dockerfile, so that the tests have the permissions that
 * users have and no more.
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = new URL("../../", import.meta.url);
const HERE = fileURLToPath(ROOT);

const project: { tasks: Record<string, { command: string }> } = JSON.parse(
  Deno.readTextFileSync(new URL("deno.json", ROOT)),
);
const dockerfile = Deno.readTextFileSync(new URL("Dockerfile", ROOT));

/**
 * Arguments for `Deno.execPath()`: the command line of the task named by `args[0]`, then the other arguments. `root` is a
 * copy of the repository to run.
 */
export function taskArguments(args: readonly string[], root = HERE): string[] {
  const task = project.tasks[args[0]];
  // `help` and the flags that are no command have no task: they are run by the image's command line.
  if (!task) return imageArguments(args, root);
  const words = task.command.split(" ");
  if (words[0] !== "deno" || words.at(-1) !== args[0]) {
    throw new Error(`the task "${args[0]}" is not "deno … ${args[0]}" but "${task.command}"`);
  }
  return [...fromAnywhere(words.slice(1, -1), root), ...args];
}

/** Arguments for `Deno.execPath()`: the image's ENTRYPOINT, then `args` in the place of its CMD. */
export function imageArguments(args: readonly string[], root = HERE): string[] {
  const words: string[] = JSON.parse(/^ENTRYPOINT (\[[^\]]*\])/m.exec(dockerfile)![1].replaceAll("\\\n", ""));
  if (words[0] !== "deno") throw new Error(`the image's ENTRYPOINT does not run deno but "${words[0]}"`);
  return [...fromAnywhere(words.slice(1), root), ...args];
}

/** Arguments for `Deno.execPath()`: the command line of a task of a project, to be run in the project's folder. */
export function projectArguments(task: string, folder: string): string[] {
  const { tasks } = JSON.parse(Deno.readTextFileSync(join(folder, "deno.json")));
  const words: string[] = tasks[task].command.split(" ");
  if (words[0] !== "deno") throw new Error(`the task "${task}" of ${folder} does not run deno but "${words[0]}"`);
  return words.slice(1);
}

/** `main.ts` by its full path: a test may run it in another folder. */
function fromAnywhere(words: readonly string[], root: string): string[] {
  if (!words.includes("main.ts")) throw new Error(`"${words.join(" ")}" does not run main.ts`);
  return words.map((word) => word === "main.ts" ? join(root, "main.ts") : word);
}
