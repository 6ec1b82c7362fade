import { WarrenError } from "../../base/errors.ts";
import { unlimited } from "../../settings/config.ts";
import type { LoadedFunction } from "../../loader/loader.ts";
import { type Command, type CommandContext, takesNothing } from "../command.ts";
import { permissionsText } from "../../sandbox/host/permission_line.ts";
import { withConnection } from "../connect.ts";
import { Interrupt } from "../interrupt.ts";
import { withFunction } from "../invoke/sandboxed_run.ts";
import { MESSAGE_FLAGS, readMessage } from "../message_arguments.ts";
import { withFunctions } from "../read_functions.ts";
import { describeFunction } from "./describe_function.ts";
import { type Learned, learnPermissions } from "./learn_permissions.ts";
import { describeTopology, findTopology, type FoundTopology } from "./topology_report.ts";

/**
 * Reads every function as the runner would: its configuration, its imports, and whether the imports are in Deno's
 * cache. It runs no function and connects to nothing, so it cannot notice a module that throws while it loads.
 */
export const check: Command = {
  summary: "Check every function and show what would be declared",
  usage: "[--permissions NAME [BODY]]",
  flags: [
    { flag: "json", text: "One JSON document instead of text." },
    {
      flag: "permissions",
      value: "NAME",
      text: "Run this function with BODY and every permission, and print the permissions that it needs.",
    },
    ...MESSAGE_FLAGS,
    {
      flag: "topology",
      text: "Also connect, and show the broker, its known differences, and queues that no function needs any more.",
    },
  ],
  async run(context) {
    const { options, positional, flags, print, printError } = context;
    const name = flags.get("permissions")?.at(-1);
    if (name !== undefined) return await checkPermissions(context, name);
    takesNothing("check", positional);
    const functions = await withFunctions(context, ({ functions }) => functions);
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

/** Exit code 0 if the function ends with the permissions that were found as it ends with all of them. */
async function checkPermissions(context: CommandContext, name: string): Promise<number> {
  const { positional: [given, ...rest], flags, options, print, printError } = context;
  if (options.permissionsCeiling) throw unlimited("check --permissions");
  if (rest.length > 0) {
    throw new WarrenError("config", `check --permissions takes one body; "${rest[0]}" is one too many`);
  }
  const { body, headers, ...properties } = await readMessage(given, flags);
  const learned = await withFunction(context, name, async (found) => {
    printError(`running ${found.name} with every permission: it may do whatever you may do on this machine`);
    using interrupt = new Interrupt(() => {});
    return await learnPermissions(context, found, { body, headers, properties }, interrupt.signal);
  });
  print(flags.has("json") ? JSON.stringify(learned, undefined, 2) : describeLearned(learned));
  const [all, narrowed] = learned.outcomes;
  return all === narrowed ? 0 : 1;
}

function describeLearned({ permissions, unset, outcomes: [all, narrowed], error }: Learned): string {
  return [
    permissionsText({ permissions, strictEnv: false }),
    ...(inCache(permissions) ? ["paths in Deno's cache have another beginning where DENO_DIR is another"] : []),
    ...(unset.length > 0 ? [`not set here, and so not granted: ${unset.join(", ")}`] : []),
    all === narrowed
      ? `with exactly these, it ended as it did with all permissions: ${all}`
      : `with these it ended as ${narrowed}, and with all permissions as ${all}: ${error ?? "no error"}`,
    ...(all === "completed" ? [] : ["it did not complete, so it may need more: try another body"]),
  ].join("\n");
}

function inCache({ read, ffi }: Learned["permissions"]): boolean {
  return [read, ffi].some((paths) => Array.isArray(paths) && paths.some((path) => /\/npm\/[^/]+\.[^/]+\//.test(path)));
}

function topologyOf(context: CommandContext, functions: readonly LoadedFunction[]): Promise<FoundTopology> {
  const definitions = functions.flatMap((loaded) => "error" in loaded ? [] : [loaded.definition]);
  const place = { exchange: "", routingKey: "" };
  return withConnection(context, "check", place, (connection) => findTopology(connection, definitions));
}
