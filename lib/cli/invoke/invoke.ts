import { WarrenError } from "../../base/errors.ts";
import type { DryRunReport } from "../../dry_run/dry_run.ts";
import type { DryMessage } from "../../dry_run/dry_message.ts";
import type { RunLogLine } from "../../invocation/insight/run.ts";
import { toLogLevel } from "../../base/log.ts";
import type { Command, CommandContext } from "../command.ts";
import { Interrupt } from "../interrupt.ts";
import { MESSAGE_FLAGS, readMessage } from "../shared/message_arguments.ts";
import { watchFunctions } from "../../loader/watch.ts";
import { describeReport, exitCode } from "./describe_report.ts";
import { type Found, runSandboxed, withFunction } from "./sandboxed_run.ts";

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
  return await withFunction(work.context, work.name, async (found, files) => {
    return { code: exitCode(await run(work, found)), files };
  });
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

async function run({ context, message, signal }: Work, found: Found): Promise<DryRunReport> {
  const { log, flags, print } = context;
  const json = flags.has("json");
  const onLog = ({ level, message, fields }: RunLogLine) => log.log(toLogLevel(level), message, fields);
  const report = await runSandboxed(context, found, message, { signal, onLog: json ? undefined : onLog });
  print(json ? JSON.stringify(report, toJson, 2) : describeReport(report, found.definition));
  return report;
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
