import { DENO_CONFIG } from "../../settings/config.ts";
import { type LoadedFunction, loadFunctions } from "../../loader/loader.ts";
import { type Command, type CommandContext, takesNothing } from "../command.ts";
import { withConnection } from "../connect.ts";
import { describeFunction } from "./describe_function.ts";
import { describeTopology, findTopology, type FoundTopology } from "./topology_report.ts";

/**
 * Reads every function as the runner would: its configuration, its imports, and whether these are in Deno's cache. It runs
 * none of them and connects to nothing, so that a module that throws while it loads is not found out.
 */
export const check: Command = {
  summary: "Read every function and say what would be declared",
  flags: [
    { flag: "json", text: "One JSON document instead of text." },
    {
      flag: "topology",
      text: "Also say which broker it is, what is known to differ on it, and which queues no function needs any more.",
    },
  ],
  async run(context) {
    const { options, positional, flags, log, print, printError } = context;
    takesNothing("check", positional);
    const { functions } = await loadFunctions(options.functionsDir, {
      config: DENO_CONFIG,
      log,
      ceiling: options.permissionsCeiling,
      download: options.download,
    });
    const broken = functions.filter((loaded) => "error" in loaded);
    const topology = flags.has("topology") ? await topologyOf(context, functions) : undefined;
    if (flags.has("json")) {
      const shown = functions.map((loaded) => "error" in loaded ? loaded : loaded.definition);
      print(JSON.stringify({ functions: shown, broker: topology?.broker, topology: topology?.queues }, undefined, 2));
      return broken.length > 0 ? 1 : 0;
    }
    const now = new Date();
    for (const loaded of functions) {
      if ("error" in loaded) printError(`${loaded.name}: broken\n  ${loaded.error.replaceAll("\n", "\n  ")}`);
      else print(describeFunction(loaded.definition, now, options.queueType));
    }
    if (functions.length === 0) printError(`no functions in ${options.functionsDir}`);
    if (topology) print(describeTopology(topology));
    const fine = functions.length - broken.length;
    print(`${fine} of ${functions.length} functions can be bound; their modules are loaded with the first message`);
    return broken.length > 0 ? 1 : 0;
  },
};

function topologyOf(context: CommandContext, functions: readonly LoadedFunction[]): Promise<FoundTopology> {
  const definitions = functions.flatMap((loaded) => "error" in loaded ? [] : [loaded.definition]);
  const place = { exchange: "", routingKey: "" };
  return withConnection(context, "check", place, (connection) => findTopology(connection, definitions));
}
