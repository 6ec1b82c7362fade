import type { Options } from "../../settings/options.ts";
import { discoverFunctions } from "../discover.ts";
import { codeRoots } from "../own_code.ts";
import { cacheRemote } from "../remote.ts";
import { ProjectReader } from "./project_reader.ts";

/**
 * Downloads everything that the functions import into Deno's cache, and adds missing entries to the project's lock file.
 * In production the lock file must be complete, and is not changed.
 *
 * @returns one line for each download that failed
 * @throws {WarrenError} `config` if the folder or the project's settings cannot be read
 */
export async function cacheFunctions(
  { functionsDir, codeRoot, production }: Pick<Options, "functionsDir" | "codeRoot" | "production">,
): Promise<string[]> {
  const folder = await Deno.makeTempDir({ prefix: "warren-" });
  try {
    const { project, configFlags } = await new ProjectReader({ folder, frozen: production }).open(functionsDir);
    const { functions } = await discoverFunctions(functionsDir, codeRoots(functionsDir, codeRoot ?? project?.root));
    const files = functions.filter(({ error }) => error === undefined).map(({ file }) => file);
    const lock = project?.lock === undefined ? ["--no-lock"] : [`--lock=${project.lock}`, `--frozen=${production}`];
    const flags = [...configFlags, ...lock];
    const problem = await cacheRemote(files, { flags });
    if (problem === undefined) return [];
    // If one download fails, the others must still succeed. One at a time, because all write the same lock file.
    const problems: string[] = [];
    for (const file of files) {
      problems.push(...[await cacheRemote([file], { flags })].filter((why) => why !== undefined));
    }
    return problems;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
