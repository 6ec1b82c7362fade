import { DENO_CONFIG } from "../config.ts";
import { deadLetterQueue, type FunctionDefinition, type Order } from "../invocation/definition.ts";
import { type LoadedFunction, loadFunctions } from "../loader/loader.ts";
import { type Command, type CommandContext, takesNothing } from "./command.ts";
import { withConnection } from "./connect.ts";
import { findTopology, type FoundQueue, NO_POLICY } from "./topology_report.ts";

/** Loads every function as the runner would, and connects to nothing. */
export const check: Command = {
  summary: "Load every function and say what would be declared",
  flags: [
    { flag: "json", text: "One JSON document instead of text." },
    { flag: "topology", text: "Also look on the broker for what no function needs any more." },
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
      print(JSON.stringify({ functions: shown, topology }, undefined, 2));
      return broken.length > 0 ? 1 : 0;
    }
    for (const loaded of functions) {
      if ("error" in loaded) printError(`${loaded.name}: broken\n  ${loaded.error.replaceAll("\n", "\n  ")}`);
      else print(describe(loaded.definition));
    }
    if (functions.length === 0) printError(`no functions in ${options.functionsDir}`);
    if (topology) print(describeTopology(topology));
    print(`${functions.length - broken.length} of ${functions.length} functions are fine`);
    return broken.length > 0 ? 1 : 0;
  },
};

function topologyOf(context: CommandContext, functions: readonly LoadedFunction[]): Promise<FoundQueue[]> {
  const definitions = functions.flatMap((loaded) => "error" in loaded ? [] : [loaded.definition]);
  const place = { exchange: "", routingKey: "" };
  return withConnection(context, "check", place, (connection) => findTopology(connection, definitions));
}

function describeTopology(topology: readonly FoundQueue[]): string {
  const width = Math.max(0, ...topology.map(({ name }) => name.length));
  const lines = topology.map(({ name, messages, neededBy, text }) => {
    const need = neededBy.length > 0 ? `${text} of ${neededBy.join(", ")}` : `not needed: ${text}`;
    return `  ${name.padEnd(width)} ${String(messages).padStart(8)} waiting  ${need}`;
  });
  const note = topology.some(({ text }) => text === NO_POLICY)
    ? ["  What waits in such a queue comes back by itself; Retry({ delay }) and outputs with a delay may still use it."]
    : [];
  return ["on the broker", ...lines, ...note].join("\n");
}

function describe(definition: FunctionDefinition): string {
  const { name, queue, bindings, concurrency, prefetch, timeout, retry, enabled, instances, memory, permissions } =
    definition;
  const { body, envelope, order, output } = definition;
  const granted = Object.entries(permissions).map(([key, value]) => value === true ? key : `${key}=${value}`);
  const kind = [queue.durable ? "durable" : "not durable", queue.autoDelete ? "auto-delete" : ""].filter(Boolean);
  const args = Object.entries(queue.arguments).map(([key, value]) => `${key}=${value}`);
  return [
    `${name}${enabled ? "" : " (disabled)"}`,
    `  queue         ${queue.name} (${[...kind, ...args].join(", ")})`,
    `  dead letters  ${deadLetterQueue(queue.name)}`,
    ...bindings.map(({ exchange, type, routingKey }) => `  binding       ${exchange} (${type}) "${routingKey}"`),
    ...(body === "raw" ? ["  messages      bytes as they come, not decoded"] : []),
    ...(envelope ? ["  messages      CloudEvents, binary and structured"] : []),
    ...(output ? [`  output        ${describeOutput(output)}`] : []),
    ...(order ? [`  order         ${describeOrder(order)}`] : []),
    `  runs          ${concurrency} at once, prefetch ${prefetch}, at most ${timeout} ms each`,
    definition.isolation === "inline"
      ? "  isolation     inline: in the runner's process, with all that the runner may do"
      : `  processes     ${instances}, ${Math.round(memory / 1024 / 1024)} MB each, with ${
        granted.join(" ") || "no permissions"
      }`,
    `  retry         ${retry.attempts} attempts, after ${retry.delay} ms, times ${retry.multiplier}, at most ${retry.maxDelay} ms`,
  ].join("\n");
}

function describeOrder({ header, partitions }: Order): string {
  return `by ${header === undefined ? "routing key" : `header "${header}"`}, in ${partitions} partitions`;
}

function describeOutput({ exchange, routingKey, event }: NonNullable<FunctionDefinition["output"]>): string {
  const route = exchange ? `${exchange} "${routingKey}"` : routingKey;
  return event ? `${route}, as CloudEvent ${event.type} (${event.mode ?? "binary"})` : route;
}
