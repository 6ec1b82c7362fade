import { cacheFunctions } from "../../loader/project/cache_functions.ts";
import { type Command, takesNothing } from "../command.ts";
import { withFunctions } from "../shared/read_functions.ts";

/**
 * Never called. Deno caches literal dynamic imports together with the module that contains them, so the embedded broker,
 * which runs in its own process, is in the cache as well.
 */
export const BROKER = (): Promise<unknown> => import("../../broker/hosted.ts");

/** Downloads everything that the functions import, and completes the project's lock file. */
export const cache: Command = {
  summary: "Download everything that the functions import, and complete deno.lock",
  async run(context) {
    const { options, positional, print, printError } = context;
    takesNothing("cache", positional);
    for (const problem of await cacheFunctions(options)) printError(problem);
    return await withFunctions({ ...context, options: { ...options, download: false } }, ({ functions }) => {
      const broken = functions.filter((loaded) => "error" in loaded);
      for (const { name, error } of broken) printError(`${name}: broken\n  ${error.replaceAll("\n", "\n  ")}`);
      const fine = functions.length - broken.length;
      print(`${fine} of ${functions.length} functions have all their imports in Deno's cache`);
      return broken.length > 0 ? 1 : 0;
    });
  },
};
