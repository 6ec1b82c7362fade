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

/** What the options say to an embedded broker. */
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

/** Milliseconds to stop before it is killed. */
const STOP_TIMEOUT = 10_000;

/**
 * The embedded broker in a process of its own, which ends when this one does: its
 * standard input is a pipe that the operating system closes then.
 */
export class BrokerProcess {
  readonly port: number;
  readonly wsPort: number | undefined;
  /** The real path of its data. */
  readonly dataDir: string;
  /** Resolves, with how, once the process is gone. */
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
   * Waits until it is ready, however much it has to read.
   *
   * @throws {Deno.errors.AddrInUse} when another process has the port
   * @throws {WarrenError} `storage`, `config` or `unavailable`: why it cannot run
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

  /** Stops it, politely at first; a second call waits for the first. */
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

/** The real path: the process may touch nothing but this folder, and what it means by that has no links in it. */
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
    // It is gone already.
  }
}
