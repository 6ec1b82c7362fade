import { type LoadedFolder, loadFunctions } from "../../loader/loader.ts";
import { ProjectReader } from "../../loader/project/project_reader.ts";
import type { CommandContext } from "../command.ts";

/**
 * Reads the functions as the runner does.
 *
 * @param use receives the functions, the files that they depend on, and a temporary folder. Afterwards the functions can no
 * longer be started, because the folder contains a part of their settings
 * @throws {WarrenError} `config` if the functions folder or the project's settings cannot be read
 */
export async function withFunctions<T>(
  { options, log }: Pick<CommandContext, "options" | "log">,
  use: (loaded: LoadedFolder, folder: string) => T | Promise<T>,
): Promise<T> {
  const folder = await Deno.makeTempDir({ prefix: "warren-" });
  try {
    const { functionsDir, codeRoot, permissionsCeiling: ceiling, download, production } = options;
    const projects = new ProjectReader({ folder, frozen: production });
    return await use(await loadFunctions(functionsDir, { projects, codeRoot, log, ceiling, download }), folder);
  } finally {
    await Deno.remove(folder, { recursive: true }).catch(() => {});
  }
}
