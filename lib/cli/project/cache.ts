import { cacheFunctions } from "../../loader/project/cache_functions.ts";
import { type Command, takesNothing } from "../command.ts";
import { withFunctions } from "../shared/read_functions.ts";
import { JSON_FLAG } from "../shared/json_flag.ts";

/**
 * Never called. Deno caches literal dynamic imports together with the module that contains them, so the embedded broker,
 * which runs in its own process, is in the cache as well.
 */
export const BROKER = (): Promise<unknown> => import("../../broker/hosted.ts");

/** Downloads everything that the functions import, and completes the project's lock file. */
export const cache: Command = {
  summary: "Download everything that the functions import, and complete deno.lock",
  flags: [JSON_FLAG],
  async run(context) {
    const { options, positional, flags, print, printError } = context;
    takesNothing("cache", positional);
    for (const problem of await cacheFunctions(options)) printError(problem);
    return await withFunctions({ ...context, options: { ...options, download: false } }, ({ functions }) => {
      const broken = functions.filter((loaded) => "error" in loaded);
      for (const { name, error } of broken) printError(`${name}: broken\n  ${error.replaceAll("\n", "\n  ")}`);
      const fine = functions.length - broken.length;
      if (flags.has("json")) {
        print(JSON.stringify({ functions: functions.length, broken: broken.map(({ name }) => name) }));
      } else print(`${fine} of ${functions.length} functions have all their imports in Deno's cache`);
      return broken.length > 0 ? 1 : 0;
    });
  },
};
