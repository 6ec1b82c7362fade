import { localBrokerUrl, urlHost } from "../settings/config.ts";
import type { Options } from "../settings/options.ts";
import { describeError, WarrenError } from "../base/errors.ts";
import { assertGuarded } from "../http/guards/guard.ts";
import type { Logger } from "../base/log.ts";
import { Runner } from "../runner/runner.ts";
import { type Command, takesNothing } from "./command.ts";
import { Interrupt } from "./interrupt.ts";
import { logUnhandled } from "./rejections.ts";

/** Runs the functions until a signal arrives. */
export const start: Command = {
  summary: "Run the functions (the default)",
  async run({ options, positional, log }) {
    takesNothing("start", positional);
    assertGuarded(options.host, options.apiToken);
    assertOneBroker(options, log);
    // Never disposed of, so that errors during the stop are logged too.
    logUnhandled(log);
    const runner = new Runner(options, log);
    const stop = (signal: Deno.Signal) => {
      log.info(`${signal}: draining for up to ${options.drainTimeout / 1000} s; a second signal ends at once`);
      runner.stop().catch((error) => {
        log.error(`could not stop cleanly: ${describeError(error)}`);
        Deno.exit(1);
      });
    };
    // Never disposed of, so that a repeated signal does not kill the process before it has ended.
    new Interrupt(stop, (signal) => {
      log.warn(`${signal} again: ending at once; unsettled messages are delivered again`);
      Deno.exit(1);
    });
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

/** @throws {WarrenError} `config` if two brokers are configured, or none can be found */
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
  const where = `${urlHost(brokerHost)}:${brokerPort}`;
  log.warn(
    `AMQP_URL is not set and --broker is none: a broker is expected at ${where}; if it is elsewhere, set AMQP_URL`,
  );
}
