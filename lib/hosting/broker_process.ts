import { resolve } from "node:path";
import {
  type BrokerAnswer,
  type BrokerSettings,
  readAnswer,
  settingsLine,
  spawnBroker,
  tellBroker,
} from "./broker_child.ts";
import { urlHost, VERSION } from "../settings/config.ts";
import { describeError, WarrenError } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import type { Options } from "../settings/options.ts";

/** The settings of the embedded broker, from the options. */
export function brokerSettings(options: Options): BrokerSettings {
  return {
    host: options.brokerHost,
    port: options.brokerPort,
    wsPort: options.brokerWsPort,
    wsPortAsked: options.brokerWsPortAsked,
    dataDir: resolve(options.data),
    users: options.brokerUsers,
    memoryLimit: options.brokerMemory,
    diskFreeLimit: options.brokerDiskFree,
    version: VERSION,
  };
}

/** Milliseconds that the process has to stop before it is killed. */
const STOP_TIMEOUT = 10_000;

/**
 * The embedded broker in a process of its own. It ends with this process: its standard input is a pipe, which the
 * operating system then closes.
 */
export class BrokerProcess {
  readonly port: number;
  readonly wsPort: number | undefined;
  /** The real path of the data folder. */
  readonly dataDir: string;
  /** Resolves once the process has ended, with a text that says how. */
  readonly ended: Promise<string>;
  readonly #child: Deno.ChildProcess;
  #stopping: Promise<void> | undefined;

  private constructor(
    { process, ended }: Child,
    { port, wsPort }: NonNullable<BrokerAnswer["ready"]>,
    dataDir: string,
  ) {
    this.port = port;
    this.wsPort = wsPort;
    this.dataDir = dataDir;
    this.ended = ended;
    this.#child = process;
  }

  /**
   * Waits until the broker is ready, however much data it has to read.
   *
   * @throws {Deno.errors.AddrInUse} if another process uses the port
   * @throws {WarrenError} `storage`, `config` or `unavailable`, with the reason why it cannot run
   */
  static async start(asked: BrokerSettings, log: Logger, signal: AbortSignal): Promise<BrokerProcess> {
    const settings = { ...asked, dataDir: await makeFolder(asked.dataDir) };
    const child = start(settings);
    const { process, ended } = child;
    const kill = () => killQuietly(process);
    signal.addEventListener("abort", kill);
    try {
      await tellBroker(process, settingsLine(settings, log.settings));
      const answer = await readAnswer(process);
      if (answer?.ready) return new BrokerProcess(child, answer.ready, settings.dataDir);
      const how = await ended;
      if (answer) throw startError(answer, settings);
      throw new WarrenError("unavailable", `the embedded broker ended before it was ready: ${how}`);
    } catch (error) {
      kill();
      await ended;
      throw error;
    } finally {
      signal.removeEventListener("abort", kill);
    }
  }

  /** Stops the process, and kills it if that takes too long. A second call waits for the first. */
  stop(): Promise<void> {
    return this.#stopping ??= this.#stop();
  }

  async #stop(): Promise<void> {
    await tellBroker(this.#child, "stop");
    await this.#child.stdin.close().catch(() => {});
    const limit = setTimeout(() => killQuietly(this.#child), STOP_TIMEOUT);
    await this.ended;
    clearTimeout(limit);
  }
}

interface Child {
  readonly process: Deno.ChildProcess;
  readonly ended: Promise<string>;
}

function start(settings: BrokerSettings): Child {
  const process = spawnBroker(settings);
  const ended = process.status.then(({ code, signal }) => signal ? `killed by ${signal}` : `exit code ${code}`);
  return { process, ended };
}

/** The real path. The process may access only this folder, and its permissions apply to paths without links. */
async function makeFolder(path: string): Promise<string> {
  try {
    await Deno.mkdir(path, { recursive: true, mode: 0o700 });
    return await Deno.realPath(path);
  } catch (error) {
    throw new WarrenError("storage", `the data folder ${path} cannot be made: ${describeError(error)}; choose --data`);
  }
}

function startError({ failed }: BrokerAnswer, { host, port, dataDir }: BrokerSettings): Error {
  const { code, message } = failed ?? { code: "unavailable" as const, message: "no reason given" };
  if (code === "portTaken") return new Deno.errors.AddrInUse(`${urlHost(host)}:${port} is taken`);
  return new WarrenError(code, `the embedded broker cannot start with its data in ${dataDir}: ${message}`);
}

function killQuietly(process: Deno.ChildProcess): void {
  try {
    process.kill("SIGKILL");
  } catch {
    // The process has ended already.
  }
}
