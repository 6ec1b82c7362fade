import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { urlHost, VERSION } from "./config.ts";
import type { Options } from "./options.ts";
import { describeError, type ErrorCode, WarrenError } from "./errors.ts";
import type { Logger } from "./log.ts";
import { DENO_NEEDS } from "./sandbox/command.ts";

/** What the embedded broker is told. */
export interface BrokerSettings {
  host: string;
  /** 0 is any. */
  port: number;
  /** Of its WebSocket listener; 0 is any. */
  wsPort: number;
  /** Without it, a WebSocket port that is taken is only a warning. */
  wsPortAsked: boolean;
  /** Made when absent. */
  dataDir: string;
  /** Passwords by names; empty is guest with guest, from this machine alone. */
  users: Record<string, string>;
  /** Bytes. */
  memoryLimit: number;
  /** Bytes. */
  diskFreeLimit: number;
  /** What clients are told. */
  version: string;
}

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

/** What the process says, once, on standard output. */
interface Answer {
  ready?: { port: number; wsPort?: number };
  failed?: { code: ErrorCode | "portTaken"; message: string };
}

const ENTRY = fileURLToPath(new URL("./broker/hosted.ts", import.meta.url));
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
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;

  private constructor(child: Child, { port, wsPort }: { port: number; wsPort?: number }, dataDir: string) {
    this.port = port;
    this.wsPort = wsPort;
    this.dataDir = dataDir;
    this.#child = child.process;
    this.#input = child.input;
    this.ended = child.ended;
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
    const kill = () => killQuietly(child.process);
    signal.addEventListener("abort", kill);
    try {
      await send(child.input, JSON.stringify({ ...settings, logging: log.settings }));
      const answer = await readAnswer(child);
      if (answer.ready) return new BrokerProcess(child, answer.ready, settings.dataDir);
      await child.ended;
      throw startError(answer, settings);
    } catch (error) {
      kill();
      await child.ended;
      throw error;
    } finally {
      signal.removeEventListener("abort", kill);
    }
  }

  /** Stops it, politely at first; a second call waits for the first. */
  async stop(): Promise<void> {
    await send(this.#input, "stop");
    await this.#input.close().catch(() => {});
    const limit = setTimeout(() => killQuietly(this.#child), STOP_TIMEOUT);
    await this.ended;
    clearTimeout(limit);
  }
}

interface Child {
  process: Deno.ChildProcess;
  input: WritableStreamDefaultWriter<Uint8Array>;
  ended: Promise<string>;
}

/**
 * Starts the broker's process. It may listen on its ports and write its data, and nothing else; it sees none of the
 * environment's secrets.
 */
export function spawnBroker(
  { host, port, wsPort, dataDir }: Pick<BrokerSettings, "host" | "port" | "wsPort" | "dataDir">,
  stderr: "inherit" | "piped" = "inherit",
): Deno.ChildProcess {
  const shown = urlHost(host);
  // To Deno it is a list, in which a path cannot have a comma.
  const only = dataDir.includes(",") ? "" : `=${dataDir}`;
  const env = Deno.env.toObject();
  return new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "--no-prompt",
      "--no-config",
      "--no-lock",
      // Messages pass through: a large nursery holds hundreds of megabytes of those that are gone.
      "--v8-flags=--max-semi-space-size=8",
      `--allow-net=${shown}:${port},${shown}:${wsPort}`,
      `--allow-read${only}`,
      `--allow-write${only}`,
      "--allow-sys",
      ENTRY,
    ],
    clearEnv: true,
    env: Object.fromEntries(DENO_NEEDS.flatMap((name) => env[name] === undefined ? [] : [[name, env[name]]])),
    stdin: "piped",
    stdout: "piped",
    stderr,
  }).spawn();
}

function start(settings: BrokerSettings): Child {
  const process = spawnBroker(settings);
  const ended = process.status.then(({ code, signal }) => signal ? `killed by ${signal}` : `exit code ${code}`);
  return { process, input: process.stdin.getWriter(), ended };
}

/** A process that is gone takes nothing, and says so itself. */
async function send(input: Child["input"], line: string): Promise<void> {
  await input.write(new TextEncoder().encode(`${line}\n`)).catch(() => {});
}

/** The first line of its output; what follows is read and dropped. */
async function readAnswer({ process, ended }: Child): Promise<Answer> {
  const line = Promise.withResolvers<string>();
  const read = async () => {
    let text = "";
    for await (const chunk of process.stdout.pipeThrough(new TextDecoderStream())) {
      if (text.includes("\n")) continue;
      text += chunk;
      if (text.includes("\n")) line.resolve(text);
    }
    line.reject(new WarrenError("unavailable", `the embedded broker ended before it was ready: ${await ended}`));
  };
  read().catch(line.reject);
  return JSON.parse(await line.promise);
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

function startError({ failed }: Answer, { host, port, dataDir }: BrokerSettings): Error {
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
