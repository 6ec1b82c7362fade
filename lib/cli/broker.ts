import { brokerSettings } from "../hosting/broker_process.ts";
import { urlHost } from "../settings/config.ts";
import type { Options } from "../settings/options.ts";
import { WarrenError } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import { type Command, takesNothing } from "./command.ts";

/** Runs the embedded broker alone, in this process, until a signal says stop. */
export const broker: Command = {
  summary: "Run the embedded broker alone",
  async run({ options, positional, log }) {
    takesNothing("broker", positional);
    const stopped = Promise.withResolvers<Deno.Signal>();
    const signals = ["SIGINT", "SIGTERM"] as const;
    const listeners = signals.map((signal) => () => stopped.resolve(signal));
    signals.forEach((signal, index) => Deno.addSignalListener(signal, listeners[index]));
    try {
      const running = await run(options, log);
      log.info(`${await stopped.promise}: stopping`);
      await running.stop();
      log.info("stopped");
      return 0;
    } finally {
      signals.forEach((signal, index) => Deno.removeSignalListener(signal, listeners[index]));
    }
  },
};

async function run(options: Options, log: Logger) {
  // Loaded here, so that no other command reads it.
  const { Broker } = await import("../broker/server/broker.ts");
  const settings = brokerSettings(options);
  const host = urlHost(settings.host);
  try {
    const running = await Broker.start({ ...settings, log: log.child({ part: "broker" }) });
    const ws = running.wsPort === undefined ? "" : ` and ws://${host}:${running.wsPort}`;
    log.info(`broker at amqp://${host}:${running.port}${ws}, data in ${settings.dataDir}`);
    return running;
  } catch (error) {
    if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    const where = `${host}:${settings.port}`;
    throw new WarrenError("config", `something listens at ${where} already; choose another port with --broker-port`);
  }
}
