import { describeError, WarrenError } from "../../base/errors.ts";
import { delay } from "../../base/time/backoff.ts";
import { parseDuration } from "../../base/time/duration.ts";
import type { FleetStatus } from "../../invocation/insight/fleet_status.ts";
import { type Command, type CommandContext, takesNothing } from "../command.ts";
import { Interrupt } from "../interrupt.ts";
import { fit, printable } from "./printable.ts";
import { RunnerApi } from "./runner_api.ts";
import { Screen } from "./screen.ts";
import { statusLines } from "./status_lines.ts";

const LEAST_EVERY = 100;

/** The status, again and again. */
export const top: Command = {
  summary: "Show the status live in the terminal; q quits",
  flags: [
    { flag: "every", value: "DURATION", text: "Time between two looks. [2s]" },
    { flag: "json", text: "Print a line of JSON at each look." },
  ],
  async run(context) {
    const { options, positional, flags, print } = context;
    takesNothing("top", positional);
    const every = parseDuration(flags.get("every")?.at(-1) ?? "2s");
    if (every < LEAST_EVERY) throw new WarrenError("config", `--every is ${every} ms, expected 100ms or more`);
    const look = () => new RunnerApi(options).get<FleetStatus>("/status");
    if (flags.has("json")) return await stream(context, look, every);
    if (Deno.stdout.isTerminal()) return await live(look, every);
    for (const line of statusLines(await look())) print(line);
    return 0;
  },
};

/** A line of JSON at each look, until it is interrupted. */
async function stream({ print, printError }: CommandContext, look: () => Promise<FleetStatus>, every: number) {
  using interrupt = new Interrupt(() => {});
  const { signal } = interrupt;
  while (!signal.aborted) {
    try {
      print(JSON.stringify(await look()));
    } catch (error) {
      printError(printable(describeError(error)));
    }
    await delay(every, signal);
  }
  return 0;
}

async function live(look: () => Promise<FleetStatus>, every: number): Promise<number> {
  // The first look is outside: whoever names the wrong port sees the error and not an empty screen.
  let lines = await look().then((status) => (columns: number) => drawn(status, columns));
  using interrupt = new Interrupt(() => {});
  const quit = new AbortController();
  const signal = AbortSignal.any([interrupt.signal, quit.signal]);
  using _keys = untilKey(quit);
  using screen = new Screen();
  let footer = "";
  while (!signal.aborted) {
    const { columns } = screen;
    screen.draw(lines(columns), fit(footer || `${clock()}  q quits`, columns));
    await delay(every, signal);
    if (signal.aborted) break;
    try {
      const status = await look();
      lines = (columns) => drawn(status, columns);
      footer = "";
    } catch (error) {
      footer = printable(`${clock()}  ${describeError(error)}`);
    }
  }
  return 0;
}

function drawn(status: FleetStatus, width: number): string[] {
  return statusLines(status, { width, color: !Deno.env.get("NO_COLOR") });
}

function clock(): string {
  return new Date().toTimeString().slice(0, 8);
}

/** Aborts at `q`, Escape or the end of the input; gives the terminal back as it was. */
function untilKey(quit: AbortController): Disposable {
  if (!Deno.stdin.isTerminal()) return { [Symbol.dispose]() {} };
  // Ctrl-C stays a signal.
  Deno.stdin.setRaw(true, { cbreak: true });
  void (async () => {
    const keys = new Uint8Array(16);
    for (let read = await Deno.stdin.read(keys); read !== null; read = await Deno.stdin.read(keys)) {
      const typed = new TextDecoder().decode(keys.subarray(0, read));
      if (typed === "\x1b" || /q/i.test(typed)) break;
    }
    quit.abort();
  })();
  return { [Symbol.dispose]: () => Deno.stdin.setRaw(false) };
}
