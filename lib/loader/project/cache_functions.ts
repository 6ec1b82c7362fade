import type { Options } from "../../settings/options.ts";
import { discoverFunctions } from "../discover.ts";
import { codeRoots } from "../own_code.ts";
import { cacheRemote } from "../remote.ts";
import { Grounds } from "./ground.ts";

/**
 * Brings all that the functions import into Deno's cache, and writes what is new into the project's lock file, but in
 * production, where the file has to have everything.
 *
 * @returns what could not be had, a line each
 * @throws {WarrenError} `config` where the folder or the project's settings cannot be read
 */
export async function cacheFunctions(
  { functionsDir, codeRoot, production }: Pick<Options, "functionsDir" | "codeRoot" | "production">,
): Promise<string[]> {
  const folder = await Deno.makeTempDir({ prefix: "warren-" });
  try {
    const { project, rules } = await new Grounds({ folder, frozen: production }).open(functionsDir);
    const { functions } = await discoverFunctions(functionsDir, codeRoots(functionsDir, codeRoot ?? project?.root));
    const files = functions.filter(({ error }) => error === undefined).map(({ file }) => file);
    const lock = project?.lock === undefined ? ["--no-lock"] : [`--lock=${project.lock}`, `--frozen=${production}`];
    const flags = [...rules, ...lock];
    const problem = await cacheRemote(files, { flags });
    if (problem === undefined) return [];
    // One that cannot be had keeps none of the others from theirs. One at a time: all write the same lock file.
    const problems: string[] = [];
    for (const file of files) {
      problems.push(...[await cacheRemote([file], { flags })].filter((why) => why !== undefined));
    }
    return problems;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
