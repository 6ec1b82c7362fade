import { WarrenError } from "../../base/errors.ts";
import type { Found, LiveEvent } from "../../invocation/insight/operator_view.ts";
import type { RunLogLine } from "../../invocation/insight/run.ts";
import type { Command, CommandContext } from "../command.ts";
import { askApi } from "./api.ts";
import { readEvents } from "./event_reader.ts";
import { lineText } from "./runs_output.ts";

/** What is shown of a line. */
type Line = Omit<LiveEvent & { kind: "log" }, "kind"> & { readonly line: RunLogLine };

/** Shows what handlers logged, and with `--follow` what they log from now on. */
export const logs: Command = {
  summary: "Show what the handler of a function logged",
  usage: "FUNCTION",
  flags: [
    { flag: "follow", text: "Show each line as it comes, until Ctrl+C." },
    { flag: "limit", value: "N", text: "How many of the newest lines. [100]" },
    { flag: "json", text: "One JSON object a line." },
  ],
  async run(context) {
    const [name, more] = context.positional;
    if (name === undefined || more !== undefined) {
      throw new WarrenError("config", "logs takes the name of one function, as in: logs hello --follow");
    }
    return context.flags.has("follow") ? await follow(context, name) : await newest(context, name);
  },
};

async function newest(context: CommandContext, name: string): Promise<number> {
  const query = new URLSearchParams({ function: name, limit: context.flags.get("limit")?.at(-1) ?? "100" });
  const found: Found<Line> = await (await askApi(context.options, `/logs?${query}`)).json();
  for (const line of found.items) show(context, line);
  if (found.silent.length > 0) context.printError(`these runners did not answer: ${found.silent.join(", ")}`);
  return 0;
}

/** Until the runner ends the stream, which it does when it stops. */
async function follow(context: CommandContext, name: string): Promise<number> {
  const query = new URLSearchParams({ function: name, follow: "true" });
  const { body } = await askApi(context.options, `/logs?${query}`, "text/event-stream");
  for await (const { event, data } of readEvents(body!)) {
    if (event === "log") show(context, JSON.parse(data));
    if (event === "cut") context.printError(`the runner cut the stream off: ${JSON.parse(data).detail}`);
  }
  context.printError("the runner has closed the stream");
  return 1;
}

function show({ flags, print }: CommandContext, line: Line): void {
  const { messageId } = line;
  print(flags.has("json") ? JSON.stringify(line) : lineText(line.line, { messageId }));
}
