import { localName, urlHost } from "../settings/config.ts";
import { describeError, WarrenError } from "../base/errors.ts";
import type { Command, CommandContext } from "./command.ts";

/** Asks a running runner, over its HTTP API, to pause or resume a function. */
export const pause: Command = {
  summary: "Pause a function in a running runner: it takes no more messages",
  usage: "FUNCTION",
  run: (context) => tell("pause", context),
};

export const resume: Command = {
  summary: "Resume a function that is paused",
  usage: "FUNCTION",
  run: (context) => tell("resume", context),
};

async function tell(what: "pause" | "resume", { options, positional, print }: CommandContext): Promise<number> {
  const [name, more] = positional;
  if (name === undefined || more !== undefined) {
    throw new WarrenError("config", `${what} takes the name of one function; GET /functions and check list them`);
  }
  const { host, port, apiToken } = options;
  const url = `http://${urlHost(localName(host))}:${port}/functions/${encodeURIComponent(name)}/${what}`;
  const headers: Record<string, string> = apiToken === undefined ? {} : { authorization: `Bearer ${apiToken}` };
  let response: Response;
  try {
    response = await fetch(url, { method: "POST", headers });
  } catch (error) {
    throw new WarrenError(
      "unavailable",
      `no runner answers at ${urlHost(host)}:${port} (${describeError(error)}); say where it is with --host and --port`,
      { cause: error },
    );
  }
  const answer = await response.json();
  if (!response.ok) throw new WarrenError("refused", `the runner at ${urlHost(host)}:${port} says: ${answer.detail}`);
  print(`${name}: ${answer.state}`);
  return 0;
}
