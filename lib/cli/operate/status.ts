import type { FleetStatus } from "../../invocation/insight/fleet_status.ts";
import { type Command, takesNothing } from "../command.ts";
import { RunnerApi } from "./runner_api.ts";
import { statusLines } from "./status_lines.ts";

/** Shows all runners and functions and what is wrong. */
export const status: Command = {
  summary: "Show all runners and functions, and what is wrong; exit code 1 if anything is",
  flags: [{ flag: "json", text: "Print the answer as JSON." }],
  async run({ options, positional, flags, print }) {
    takesNothing("status", positional);
    const found = await new RunnerApi(options).get<FleetStatus>("/status");
    const color = Deno.stdout.isTerminal() && !Deno.env.get("NO_COLOR");
    if (flags.has("json")) print(JSON.stringify(found));
    else for (const line of statusLines(found, { color })) print(line);
    return found.healthy ? 0 : 1;
  },
};
