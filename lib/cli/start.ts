import { localBrokerUrl, type Options } from "../config.ts";
import { describeError, WarrenError } from "../errors.ts";
import { assertGuarded } from "../http/guard.ts";
import type { Logger } from "../log.ts";
import { Runner } from "../runner.ts";
import { type Command, takesNothing } from "./command.ts";

/** Milliseconds within which a second signal is the first one again. */
const SAME_SIGNAL = 300;

/** Runs until a signal says stop. */
export const start: Command = {
  summary: "Run the functions (the default)",
  async run({ options, positional, log }) {
    takesNothing("start", positional);
    assertGuarded(options.host, options.apiToken);
    assertOneBroker(options, log);
    // The AMQP client leaves promises behind when a socket dies under it: told, and not the end.
    globalThis.addEventListener("unhandledrejection", (event) => {
      event.preventDefault();
      log.warn(`unhandled rejection: ${describeError(event.reason)}`);
    });
    const runner = new Runner(options, log);
    let asked: number | undefined;
    const stop = (signal: Deno.Signal) => {
      // A terminal, and `deno task` above us, send one Ctrl-C twice.
      if (asked !== undefined && performance.now() - asked < SAME_SIGNAL) return;
      if (asked !== undefined) {
        log.warn(`${signal} again: ending at once; what was not settled comes again`);
        Deno.exit(1);
      }
      asked = performance.now();
      log.info(`${signal}: draining for up to ${options.drainTimeout / 1000} s; once more ends at once`);
      runner.stop().catch((error) => {
        log.error(`could not stop cleanly: ${describeError(error)}`);
        Deno.exit(1);
      });
    };
    for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, () => stop(signal));
    try {
      await runner.start();
    } catch (error) {
      await runner.stop(0);
      throw error;
    }
    await runner.finished;
    return 0;
  },
};

/** @throws {WarrenError} `config` when two brokers are asked for, or one that cannot be found */
function assertOneBroker(options: Options, log: Logger): void {
  const { amqpUrl, broker, brokerHost, brokerPort } = options;
  if (amqpUrl !== undefined && broker === "embedded") {
    throw new WarrenError(
      "config",
      "AMQP_URL names a broker, and --broker embedded asks for another; keep one of them",
    );
  }
  if (amqpUrl !== undefined || broker !== "none") return;
  localBrokerUrl(options);
  const where = `${brokerHost}:${brokerPort}`;
  log.warn(
    `AMQP_URL is not set and --broker is none: a broker is expected at ${where}; if it is elsewhere, set AMQP_URL`,
  );
}
