import { describeError, WarrenError } from "../base/errors.ts";
import { type LogFormat, Logger, type LogLevel } from "../base/log.ts";
import { Broker, type BrokerOptions } from "./server/broker.ts";

/**
 * The broker in its own process. Standard input receives one JSON line of options, and optionally the line `stop`. Its
 * end means that the parent has ended. Standard output gets one JSON line, `{"ready":…}` or `{"failed":…}`. The log
 * goes to standard error.
 */
interface HostedOptions extends Omit<BrokerOptions, "log"> {
  logging: { level: LogLevel; format: LogFormat; color: boolean };
}

/** Milliseconds for the broker to stop. After that the process exits anyway. */
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

/** Resolves at the line `stop`, or at the end of the input. */
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
    // The parent has ended. The end of the input reports that too.
  }
}

/** An unexpected error ends the process, since its state is unknown. The host starts it again. */
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

// A terminal sends these signals to the whole process group. The runner drains first and then sends `stop`.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) Deno.addSignalListener(signal, () => {});
await main();
Deno.exit(0);
