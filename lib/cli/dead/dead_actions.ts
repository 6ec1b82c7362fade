import { WarrenError } from "../../base/errors.ts";
import type { DeadLetterBox, DeadLetterEdit, Sweep } from "../../invocation/dead_letters/dead_letter_box.ts";
import { meansAll, nameAndValue } from "../../invocation/dead_letters/dead_letter_filter.ts";
import type { CommandContext } from "../command.ts";
import { FILTERS, last, sweepOptions } from "./dead_flags.ts";
import { LIST_HEAD, listJson, listRow, showJson, showText } from "./dead_output.ts";
import { INTERRUPTED } from "../interrupt.ts";
import { Progress } from "../progress.ts";

/** Exit code: some messages were not examined, or an action failed for some. */
const PARTLY = 3;
const LIST_LIMIT = 100;

export interface ActionContext extends CommandContext {
  box: DeadLetterBox;
  /** The queue that they return to. */
  queue: string;
  signal: AbortSignal;
}

/** An action of `dead`. */
export interface Action {
  /** The flags of the command that it accepts. */
  flags: readonly string[];
  /** Checks the flags before there is a connection, and throws if they are wrong. */
  check?(context: CommandContext): void;
  /** Resolves with the exit code. */
  run(context: ActionContext): Promise<number>;
}

export const ACTIONS: Readonly<Record<string, Action>> = {
  list: { flags: FILTERS, check: ({ flags }) => void sweepOptions(flags), run: list },
  show: { flags: ["id", "json"], check: ({ flags }) => void idOf(flags), run: show },
  redrive: { flags: [...FILTERS, "rate", "dry-run"], check: ({ flags }) => void sweepOptions(flags), run: redrive },
  edit: { flags: ["id", "body", "body-file", "content-type", "header"], check: checkEdit, run: edit },
  purge: { flags: [...FILTERS, "dry-run", "yes"], check: checkPurge, run: purge },
};

async function list({ box, flags, signal, print, printError }: ActionContext): Promise<number> {
  const json = flags.has("json");
  const options = { limit: LIST_LIMIT, ...defined(sweepOptions(flags)), signal };
  let shown = 0;
  const sweep = await box.list((letter) => {
    if (shown++ === 0 && !json) print(LIST_HEAD);
    print(json ? listJson(letter) : listRow(letter));
  }, options);
  if (!json) printError(`${shown} of ${sweep.depth} in ${box.queue}${more(sweep)}`);
  return exitCode(sweep, printError);
}

function more({ looked, depth, stopped }: Sweep): string {
  return looked < depth && !stopped ? "; --limit shows more" : "";
}

async function show({ box, flags, signal, print }: ActionContext): Promise<number> {
  const letter = await box.find(idOf(flags), { signal });
  print(flags.has("json") ? await showJson(letter) : await showText(letter));
  return 0;
}

async function redrive(context: ActionContext): Promise<number> {
  const { box, queue, flags, signal } = context;
  const sweep = await withProgress((onProgress) => box.redrive({ ...sweepOptions(flags), signal, onProgress }));
  return report(context, sweep, `${count(sweep)} back in ${queue}`, `would go back to ${queue}`);
}

async function edit({ box, queue, flags, signal, print }: ActionContext): Promise<number> {
  const id = idOf(flags);
  await box.edit(id, await changeOf(flags), { signal });
  print(`${id} is changed and back in ${queue}`);
  return 0;
}

async function purge(context: ActionContext): Promise<number> {
  const { box, flags, signal, printError } = context;
  const options = { ...sweepOptions(flags), signal };
  if (!options.dryRun && !flags.has("yes") && !await confirmed(box, meansAll(options.filter ?? {}))) {
    printError("nothing was purged");
    return 1;
  }
  const sweep = await withProgress((onProgress) => box.purge({ ...options, onProgress }));
  return report(context, sweep, `${count(sweep)} gone from ${box.queue}`, `would go from ${box.queue}`);
}

async function confirmed(box: DeadLetterBox, all: boolean): Promise<boolean> {
  const { depth } = await box.purge({ dryRun: true });
  const what = all ? `all ${depth} messages` : `those of the ${depth} messages that match`;
  return prompt(`This deletes ${what} from ${box.queue} for ever. Type the queue's name to confirm:`) === box.queue;
}

function checkPurge({ flags }: CommandContext): void {
  sweepOptions(flags);
  if (flags.has("yes") || flags.has("dry-run") || (Deno.stdin.isTerminal() && !flags.has("json"))) return;
  throw new WarrenError(
    "config",
    "purge deletes messages for ever: add --yes to confirm, or --dry-run to see how many",
  );
}

function checkEdit({ flags }: CommandContext): void {
  idOf(flags);
  (flags.get("header") ?? []).forEach(nameAndValue);
  if (flags.has("body") && flags.has("body-file")) {
    throw new WarrenError("config", "--body and --body-file are both given; keep one of them");
  }
  if (flags.size > 1) return;
  throw new WarrenError("config", "edit needs a change: --body, --body-file, --content-type or --header");
}

function idOf(flags: ReadonlyMap<string, string[]>): string {
  const id = last(flags, "id");
  if (id) return id;
  throw new WarrenError("config", "which message? Add --id ID, as dead list shows it");
}

async function changeOf(flags: ReadonlyMap<string, string[]>): Promise<DeadLetterEdit> {
  const [text, file] = [last(flags, "body"), last(flags, "body-file")];
  const headers = Object.fromEntries((flags.get("header") ?? []).map(nameAndValue));
  const contentType = last(flags, "content-type");
  if (file === undefined) {
    return { body: text === undefined ? undefined : new TextEncoder().encode(text), contentType, headers };
  }
  try {
    return { body: await Deno.readFile(file), contentType, headers };
  } catch (cause) {
    throw new WarrenError("config", `--body-file names "${file}", which cannot be read`, { cause });
  }
}

async function withProgress(work: (onProgress: (sweep: Sweep) => void) => Promise<Sweep>): Promise<Sweep> {
  using progress = new Progress();
  return await work(({ depth, looked, done }) => progress.tell(() => `looked at ${looked} of ${depth}, ${done} done`));
}

function count({ depth, done }: Sweep): string {
  return `${done} of ${depth} ${done === 1 ? "is" : "are"}`;
}

function report({ flags, box, print, printError }: ActionContext, sweep: Sweep, did: string, would: string): number {
  const dryRun = flags.has("dry-run");
  if (flags.has("json")) print(JSON.stringify({ queue: box.queue, dryRun, ...sweep }));
  else print(dryRun ? `${sweep.matched} of ${sweep.depth} ${would}` : did);
  return exitCode(sweep, printError);
}

function exitCode({ stopped, looked, depth, unreadable }: Sweep, printError: (line: string) => void): number {
  if (stopped === "signal") {
    printError(`stopped after ${looked} of ${depth}; messages that were not handled are where they were`);
    return INTERRUPTED;
  }
  if (stopped === "window") {
    printError(
      `looked at ${looked} of ${depth} only: no more are held back at a time; let the filter match more of them`,
    );
  }
  if (unreadable > 0) {
    const why = "their headers cannot be read, or leave no room for one more";
    printError(`${unreadable} stay: ${why}; dead edit --id ID takes one back with other headers`);
  }
  return stopped || unreadable > 0 ? PARTLY : 0;
}

function defined<T extends object>(options: T): Partial<T> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Partial<T>;
}
