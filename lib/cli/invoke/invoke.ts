import { WarrenError } from "../../base/errors.ts";
import { nearest } from "../../base/nearest.ts";
import { DryRun, type DryRunReport } from "../../dry_run/dry_run.ts";
import type { DryMessage } from "../../dry_run/dry_message.ts";
import type { RunLogLine } from "../../invocation/insight/run.ts";
import { type LoadedFunction, loadFunctions } from "../../loader/loader.ts";
import { toLogLevel } from "../../base/log.ts";
import { MemoryWatch } from "../../sandbox/limits/memory_watch.ts";
import { Reaper } from "../../sandbox/limits/reaper.ts";
import { openSandbox } from "../../serving/surroundings.ts";
import { DENO_CONFIG } from "../../settings/config.ts";
import type { Command, CommandContext } from "../command.ts";
import { Interrupt } from "../interrupt.ts";
import { MESSAGE_FLAGS, readMessage } from "../message_arguments.ts";
import { watchFunctions } from "../../loader/watch.ts";
import { describeReport, exitCode } from "./describe_report.ts";

type Found = Exclude<LoadedFunction, { error: string }>;

/** Runs one function with one message, in its sandbox with its permissions, without a broker. */
export const invoke: Command = {
  summary: "Run a function once with a message, without a broker, and show what would happen",
  usage: "NAME [BODY]   (@FILE: the body from a file; - or nothing: from standard input)",
  flags: [
    ...MESSAGE_FLAGS,
    { flag: "attempt", value: "N", text: "Which attempt it is. Default: 1." },
    { flag: "json", text: "One JSON document instead of text." },
    { flag: "watch", text: "Run again after each change of the function or what it imports." },
  ],
  async run(context) {
    const { positional: [name, given, ...rest], flags } = context;
    if (name === undefined || rest.length > 0) {
      const more = rest.length > 0 ? `; "${rest[0]}" is one too many, and flags are like --header` : "";
      throw new WarrenError("config", `invoke needs a function and a body, as in: invoke hello '{"a":1}'${more}`);
    }
    const { body, headers, ...properties } = await readMessage(given, flags);
    const message = { body, headers, properties, attempt: attemptOf(flags.get("attempt")?.at(-1)) };
    using interrupt = new Interrupt(() => {});
    const work = { context, name, message, signal: interrupt.signal };
    return flags.has("watch") ? await invokeAtChanges(work) : (await invokeOnce(work)).code;
  },
};

interface Work {
  readonly context: CommandContext;
  readonly name: string;
  readonly message: DryMessage;
  readonly signal: AbortSignal;
}

/** Gives the exit code, and what the function consists of. */
async function invokeOnce(work: Work): Promise<{ code: number; files: string[] }> {
  const { context: { options, log }, name } = work;
  const { functions, files } = await loadFunctions(options.functionsDir, {
    config: DENO_CONFIG,
    log,
    ceiling: options.permissionsCeiling,
    download: options.download,
  });
  const report = await run(work, find(functions, name));
  return { code: exitCode(report), files };
}

async function invokeAtChanges(work: Work): Promise<number> {
  const { context: { options, printError }, signal } = work;
  let files: string[] = [];
  let code = 0;
  const changes = await watchFunctions(options.functionsDir, { files: () => files, signal });
  const once = async () => {
    try {
      ({ code, files } = await invokeOnce(work));
    } catch (error) {
      if (!(error instanceof WarrenError)) throw error;
      code = 1;
      printError(error.message);
    }
    printError("waiting for changes; press Ctrl-C to end");
  };
  await once();
  for await (const _ of changes) await once();
  return code;
}

/** @throws {WarrenError} `missing`, or `function` with what is wrong with it */
function find(functions: readonly LoadedFunction[], name: string): Found {
  const found = functions.find((loaded) => loaded.name === name || loaded.name === name.replaceAll("/", "."));
  if (!found) {
    const near = nearest(name, functions.map((loaded) => loaded.name));
    const known = functions.map((loaded) => loaded.name).slice(0, 20).join(", ") || "none";
    const advice = near ? `did you mean "${near}"?` : `there are: ${known}`;
    throw new WarrenError("missing", `there is no function "${name}"; ${advice}`);
  }
  if ("error" in found) throw new WarrenError("function", found.error);
  return found;
}

async function run(work: Work, { definition, sources }: Found): Promise<DryRunReport> {
  const { context: { log, flags, print, options }, message, signal } = work;
  const json = flags.has("json");
  const reaper = new Reaper(log);
  const memoryWatch = new MemoryWatch({ reaper, log });
  const folder = await Deno.makeTempDir({ prefix: "warren-" });
  const showLine = ({ level, message, fields }: RunLogLine) => log.log(toLogLevel(level), message, fields);
  try {
    void memoryWatch.start();
    await using dry = new DryRun({
      definition,
      open: (log, once) =>
        openSandbox({ definition, sources }, { folder, configFile: DENO_CONFIG, memoryWatch, reaper, once }, log),
      maxBody: options.maxBody,
      onLog: json ? undefined : showLine,
    });
    const stop = () => void dry[Symbol.asyncDispose]();
    signal.addEventListener("abort", stop);
    const report = definition.batch ? (await dry.runBatch([message]))[0] : await dry.run(message);
    signal.removeEventListener("abort", stop);
    print(json ? JSON.stringify(report, toJson, 2) : describeReport(report, definition));
    return report;
  } finally {
    await reaper.close();
    await Deno.remove(folder, { recursive: true }).catch(() => {});
  }
}

function attemptOf(text = "1"): number {
  const attempt = Number(text);
  if (/^\d+$/.test(text) && attempt >= 1) return attempt;
  throw new WarrenError("config", `--attempt: expected a number from 1, found "${text}"`);
}

/** Bytes as base64, and integers that JSON has no form for as text. */
function toJson(_key: string, value: unknown): unknown {
  if (value instanceof Uint8Array) return { base64: value.toBase64() };
  return typeof value === "bigint" ? String(value) : value;
}
