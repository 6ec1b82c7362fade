import { WarrenError } from "../../base/errors.ts";
import { unlimited } from "../../settings/config.ts";
import type { LoadedFunction } from "../../loader/loader.ts";
import { type Command, type CommandContext, takesNothing } from "../command.ts";
import { permissionsText } from "../../sandbox/process/permission_line.ts";
import { withConnection } from "../connect.ts";
import { Interrupt } from "../interrupt.ts";
import { type Found, withFunction } from "../invoke/sandboxed_run.ts";
import { MESSAGE_FLAGS, readMessage } from "../shared/message_arguments.ts";
import { withFunctions } from "../shared/read_functions.ts";
import { withSandboxes } from "../shared/sandboxes.ts";
import { describeFunction } from "./describe_function.ts";
import { type Learned, learnPermissions } from "./learn_permissions.ts";
import { loadErrors } from "./load_report.ts";
import { routeWarnings } from "./route_warnings.ts";
import { typeErrors } from "./type_report.ts";
import { describeTopology, findTopology, type FoundTopology } from "./topology_report.ts";
import { JSON_FLAG } from "../shared/json_flag.ts";

/**
 * Reads every function as the runner would: its configuration, its imports, and whether the imports are in Deno's
 * cache. By default it runs no function and connects to nothing, so it cannot notice a module that throws while it
 * loads: `--load` does.
 */
export const check: Command = {
  summary: "Check every function and show what would be declared",
  usage: "[--permissions NAME [BODY]]",
  flags: [
    JSON_FLAG,
    { flag: "load", text: "Also load every module in its own sandbox, with its own permissions." },
    { flag: "types", text: "Also check the types: each module, and its handler against its input and config." },
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
    const { functions, faults } = await withFunctions(context, async ({ functions }) => {
      return { functions, faults: await findFaults(context, functions) };
    });
    const definitions = functions.flatMap((loaded) => "error" in loaded ? [] : [loaded.definition]);
    const warnings = routeWarnings(definitions);
    const broken = functions.filter(({ name }) => faults.has(name));
    const topology = flags.has("topology") ? await topologyOf(context, functions) : undefined;
    if (flags.has("json")) {
      const shown = functions.map(({ name, file, ...loaded }) =>
        faults.has(name) ? { name, file, error: faults.get(name) } : (loaded as { definition: unknown }).definition
      );
      const found = { broker: topology?.broker, topology: topology?.queues };
      print(JSON.stringify({ functions: shown, warnings, ...found }));
      return broken.length > 0 ? 1 : 0;
    }
    const now = new Date();
    for (const loaded of functions) {
      const fault = faults.get(loaded.name);
      if (fault !== undefined) printError(`${loaded.name}: broken\n  ${fault.replaceAll("\n", "\n  ")}`);
      else if ("definition" in loaded) print(describeFunction(loaded.definition, now, options.queueType));
    }
    for (const { function: name, text } of warnings) printError(`${name}: ${text}`);
    if (functions.length === 0) printError(`no functions in ${options.functionsDir}`);
    if (topology) print(describeTopology(topology));
    const fine = functions.length - broken.length;
    const loads = flags.has("load") ? " and load" : "; their modules are loaded with the first message";
    print(`${fine} of ${functions.length} functions can be bound${loads}`);
    return broken.length > 0 ? 1 : 0;
  },
};

/** What is wrong with functions, by their names: as they are read and, if that is wanted, as they load and compile. */
async function findFaults(
  context: CommandContext,
  functions: readonly LoadedFunction[],
): Promise<Map<string, string>> {
  const { flags, log, printError } = context;
  const faults = new Map(functions.flatMap((loaded) => "error" in loaded ? [[loaded.name, loaded.error]] : []));
  const found = functions.filter((loaded) => !("error" in loaded) && loaded.definition.enabled) as Found[];
  const add = (errors: ReadonlyMap<string, string>) => {
    for (const [name, error] of errors) faults.set(name, [faults.get(name), error].filter(Boolean).join("\n"));
  };
  if (flags.has("types")) {
    printError(`checking the types of ${found.length} functions`);
    add(await typeErrors(found));
  }
  if (flags.has("load")) {
    printError(`loading ${found.length} functions`);
    add(await withSandboxes(context, (surroundings) => loadErrors(found, surroundings, log)));
  }
  return faults;
}

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
  print(flags.has("json") ? JSON.stringify(learned) : describeLearned(learned));
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
