import { describeError, WarrenError } from "../base/errors.ts";
import { type LogFormat, Logger, type LogLevel } from "../base/log.ts";
import { Broker, type BrokerOptions } from "./server/broker.ts";

/**
 * The broker in a process of its own. Standard input has one JSON line of options and
 * perhaps the line `stop`; its end says that the parent is gone. Standard output gets
 * one JSON line: `{"ready":…}` or `{"failed":…}`. The log goes to standard error.
 */
interface HostedOptions extends Omit<BrokerOptions, "log"> {
  logging: { level: LogLevel; format: LogFormat; color: boolean };
}

/** Milliseconds for the broker to stop before the process ends without that. */
const STOP_TIMEOUT = 10_000;

async function main(): Promise<void> {
  const input = linesOf(Deno.stdin.readable);
  const first = await input.next();
  if (first.done) return;
  const { logging, ...options }: HostedOptions = JSON.parse(first.value);
  const log = new Logger(logging, { part: "broker" });
  tellFaults(log);
  const told = toldToStop(input);
  const starting = Broker.start({ ...options, log });
  const started = starting.then(ready, failed);
  await Promise.race([told, started.then((runs) => runs ? told : undefined)]);
  setTimeout(() => Deno.exit(1), STOP_TIMEOUT);
  const broker = await starting.catch(() => undefined);
  await broker?.stop();
}

/** Resolves at the line `stop` and at the end of the input: whoever started this has no use for it any more. */
async function toldToStop(input: AsyncGenerator<string, void>): Promise<void> {
  for await (const line of input) if (line === "stop") return;
}

function ready({ port, wsPort }: Broker): boolean {
  answer({ ready: { port, wsPort } });
  return true;
}

function failed(error: unknown): boolean {
  const code = error instanceof WarrenError ? error.code : "unavailable";
  const taken = error instanceof Deno.errors.AddrInUse;
  answer({ failed: { code: taken ? "portTaken" : code, message: describeError(error) } });
  return false;
}

function answer(value: unknown): void {
  try {
    Deno.stdout.writeSync(new TextEncoder().encode(`${JSON.stringify(value)}\n`));
  } catch {
    // The parent is gone, which the end of the input says too.
  }
}

/** What nobody foresaw ends the process: its state is unknown, and whoever hosts it starts it again. */
function tellFaults(log: Logger): void {
  const tell = (event: Event, error: unknown) => {
    event.preventDefault();
    log.error(`the broker failed: ${describeError(error)}`, {
      stack: error instanceof Error ? error.stack : undefined,
    });
    Deno.exit(1);
  };
  globalThis.addEventListener("unhandledrejection", (event) => tell(event, event.reason));
  globalThis.addEventListener("error", (event) => tell(event, event.error));
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string, void> {
  let rest = "";
  for await (const chunk of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop()!;
    yield* lines;
  }
}

// A terminal sends these to the whole group; the runner drains first, and then says stop.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) Deno.addSignalListener(signal, () => {});
await main();
Deno.exit(0);
