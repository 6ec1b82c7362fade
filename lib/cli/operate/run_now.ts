import { WarrenError } from "../../base/errors.ts";
import type { Command } from "../command.ts";
import { printable } from "./printable.ts";
import { RunnerApi } from "./runner_api.ts";

/** Runs a scheduled function between two times of its schedule. */
export const runNow: Command = {
  summary: "Run a scheduled function now",
  usage: "FUNCTION",
  flags: [{ flag: "json", text: "Print the answer as JSON." }],
  async run({ options, positional, flags, print }) {
    const [name, more] = positional;
    if (name === undefined || more !== undefined) {
      throw new WarrenError("config", "run-now takes the name of one function that has a schedule");
    }
    const path = `/functions/${encodeURIComponent(name)}/run`;
    const answer = await new RunnerApi(options).post<{ messageId: string }>(path, {});
    if (flags.has("json")) print(JSON.stringify(answer));
    else print(printable(`message ${answer.messageId} is in the queue of ${name}`));
    return 0;
  },
};
