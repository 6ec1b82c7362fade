import { WarrenError } from "../../base/errors.ts";
import type { Found } from "../../invocation/insight/operator_view.ts";
import type { Run, RunSummary } from "../../invocation/insight/run.ts";
import type { Command, CommandContext } from "../command.ts";
import { askApi } from "./api.ts";
import { listHead, listRow, runText } from "./runs_output.ts";

/** Flags that become parameters of `GET /runs`, and the parameter's name. */
const FILTERS = [
  { flag: "function", value: "NAME", text: "Runs of this function." },
  { flag: "id", value: "ID", text: "Runs of the message with this id." },
  { flag: "outcome", value: "OUTCOME", text: "Runs that ended so: completed, failed, timedOut, rejected, crashed, …" },
  { flag: "since", value: "TIME", text: "Runs from then on: an ISO date, or how long ago, as in 1h." },
  { flag: "until", value: "TIME", text: "Runs up to then." },
  { flag: "text", value: "TEXT", text: "Runs with this text in the id, the error, a header or the body." },
  { flag: "limit", value: "N", text: "How many, newest first. [50]" },
  { flag: "failed", text: "Runs that did not complete." },
];

/** Shows the records of invocations, asking a running runner. */
export const runs: Command = {
  summary: "Show what became of messages: the records of their runs",
  usage: "[show ID]",
  flags: [...FILTERS, { flag: "json", text: "One JSON object a line." }],
  async run(context) {
    const [action, id, more] = context.positional;
    if (action === undefined) return await list(context);
    if (action === "show" && id !== undefined && more === undefined) return await show(context, id);
    const found = context.positional.join(" ");
    throw new WarrenError("config", `runs takes nothing, or "show" and the id of a run; found "${found}"`);
  },
};

async function list({ options, flags, print, printError }: CommandContext): Promise<number> {
  const query = new URLSearchParams();
  for (const { flag, value } of FILTERS) {
    const given = flags.get(flag)?.at(-1);
    if (given !== undefined) query.set(flag, value === undefined ? "true" : given);
  }
  const found: Found<RunSummary> = await (await askApi(options, `/runs?${query}`)).json();
  if (flags.has("json")) { for (const run of found.items) print(JSON.stringify(run)); }
  else for (const line of [listHead, ...found.items.map(listRow)]) print(line);
  for (const remark of remarks(found)) printError(remark);
  return 0;
}

async function show({ options, flags, print }: CommandContext, id: string): Promise<number> {
  const run: Run = await (await askApi(options, `/runs/${encodeURIComponent(id)}`)).json();
  print(flags.has("json") ? JSON.stringify(run) : runText(run));
  return 0;
}

/** What the answer does not have. */
function* remarks({ since, silent, leftOut = 0, items }: Found<RunSummary>): Generator<string> {
  if (silent.length > 0) yield `these runners did not answer: ${silent.join(", ")}`;
  if (items.length === 0 && since !== undefined) yield `no run matches since ${new Date(since).toISOString()}`;
  if (leftOut > 0) yield `${leftOut} successes were not recorded, since there were too many in a second`;
}
