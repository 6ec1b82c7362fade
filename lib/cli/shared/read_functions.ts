import { type LoadedFolder, loadFunctions } from "../../loader/loader.ts";
import { Grounds } from "../../loader/project/ground.ts";
import type { CommandContext } from "../command.ts";

/**
 * Reads the functions as the runner does, for one command.
 *
 * @param use gets them with the files that they depend on, and a folder of Warren's own that is removed once it is done
 * @throws {WarrenError} `config` where the folder or the project's settings cannot be read
 */
export async function withFunctions<T>(
  { options, log }: Pick<CommandContext, "options" | "log">,
  use: (loaded: LoadedFolder, folder: string) => T | Promise<T>,
): Promise<T> {
  const folder = await Deno.makeTempDir({ prefix: "warren-" });
  try {
    const { functionsDir, codeRoot, permissionsCeiling: ceiling, download, production } = options;
    const grounds = new Grounds({ folder, frozen: production });
    return await use(await loadFunctions(functionsDir, { grounds, codeRoot, log, ceiling, download }), folder);
  } finally {
    await Deno.remove(folder, { recursive: true }).catch(() => {});
  }
}
