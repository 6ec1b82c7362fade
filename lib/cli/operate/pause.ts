import { WarrenError } from "../../base/errors.ts";
import { parseDuration } from "../../base/time/duration.ts";
import type { PauseResult } from "../../invocation/insight/pause.ts";
import type { CommandFlag } from "../../settings/config.ts";
import type { Command, CommandContext } from "../command.ts";
import { printable } from "./printable.ts";
import { RunnerApi } from "./runner_api.ts";

const HERE: CommandFlag = { flag: "here", text: "Only in the runner that --host and --port name." };
const JSON_FLAG: CommandFlag = { flag: "json", text: "Print the answer as JSON." };

/** Takes no more messages of a function, in all runners or in one. */
export const pause: Command = {
  summary: "Pause a function in all runners: it takes no more messages",
  usage: "FUNCTION",
  flags: [
    HERE,
    { flag: "for", value: "DURATION", text: "Resume by itself after that time, as in 30m or 1h; 45d at most." },
    JSON_FLAG,
  ],
  run: (context) => tell("pause", context),
};

export const resume: Command = {
  summary: "Resume a function that is paused",
  usage: "FUNCTION",
  flags: [{ ...HERE, text: "End only the pause of the runner that --host and --port name." }, JSON_FLAG],
  run: (context) => tell("resume", context),
};

async function tell(what: "pause" | "resume", context: CommandContext): Promise<number> {
  const { options, positional, flags, print, printError } = context;
  const [name, more] = positional;
  if (name === undefined || more !== undefined) {
    throw new WarrenError("config", `${what} takes the name of one function; status and check list them`);
  }
  const duration = flags.get("for")?.at(-1);
  const asked = {
    ...(flags.has("here") ? { here: true } : {}),
    ...(duration === undefined ? {} : { for: parseDuration(duration) }),
    ...(what === "pause" ? whoAsks() : {}),
  };
  const path = `/functions/${encodeURIComponent(name)}/${what}`;
  const answer = await new RunnerApi(options).post<PauseResult & { runners: PauseResult["standings"] }>(path, asked);
  if (flags.has("json")) print(JSON.stringify(answer));
  else {
    for (const { runner, state, detail } of answer.runners) {
      print(printable(`${name} on ${runner}: ${detail === undefined || state === "serving" ? state : detail}`));
    }
    for (const runner of answer.silent) {
      printError(printable(`${runner} did not answer; it follows within half a minute after it can be reached`));
    }
  }
  return 0;
}

/** The user of this machine, to be shown to others. */
function whoAsks(): { by?: string } {
  const by = (Deno.env.get("USER") ?? Deno.env.get("USERNAME"))?.slice(0, 100);
  return by ? { by } : {};
}
