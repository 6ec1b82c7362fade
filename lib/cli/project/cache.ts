import { cacheFunctions } from "../../loader/project/cache_functions.ts";
import { type Command, takesNothing } from "../command.ts";
import { withFunctions } from "../shared/read_functions.ts";

/**
 * Never called: an import that is written so is in the graph of main.ts, so that the embedded broker, which runs in a
 * process of its own, is in Deno's cache wherever Warren itself is.
 */
export const BROKER = (): Promise<unknown> => import("../../broker/hosted.ts");

/** Downloads what the functions import, and writes the project's lock file. */
export const cache: Command = {
  summary: "Download all that the functions import, and complete the project's deno.lock",
  async run(context) {
    const { options, positional, print, printError } = context;
    takesNothing("cache", positional);
    for (const problem of await cacheFunctions(options)) printError(problem);
    return await withFunctions({ ...context, options: { ...options, download: false } }, ({ functions }) => {
      const broken = functions.filter((loaded) => "error" in loaded);
      for (const { name, error } of broken) printError(`${name}: broken\n  ${error.replaceAll("\n", "\n  ")}`);
      const fine = functions.length - broken.length;
      print(`${fine} of ${functions.length} functions have all that they import in Deno's cache`);
      return broken.length > 0 ? 1 : 0;
    });
  },
};
