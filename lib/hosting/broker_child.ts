import { urlHost } from "../settings/config.ts";
import type { ErrorCode } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import { DENO_NEEDS } from "../sandbox/process/command.ts";

/** The settings of the embedded broker. */
export interface BrokerSettings {
  host: string;
  /** 0 means any free port. */
  port: number;
  /** Port of the WebSocket listener. 0 means any free port. */
  wsPort: number;
  /** The user chose the port, so it is an error if it is taken. Otherwise that is only a warning. */
  wsPortAsked: boolean;
  /** Is created if it does not exist. */
  dataDir: string;
  /** Passwords by user name. Empty means guest with the password guest, from this machine only. */
  users: Record<string, string>;
  /** Bytes. */
  memoryLimit: number;
  /** Bytes. */
  diskFreeLimit: number;
  /** The version that the broker reports to clients. */
  version: string;
}

/** The process's report on standard output: one line. */
export interface BrokerAnswer {
  ready?: { port: number; wsPort?: number };
  failed?: { code: ErrorCode | "portTaken"; message: string };
}

const ENTRY = new URL("../broker/hosted.ts", import.meta.url).href;

/**
 * Starts the broker's process, which then waits for `settingsLine()`. It may only listen on its ports and write its
 * data. It sees none of the environment's secrets.
 */
export function spawnBroker(
  { host, port, wsPort, dataDir }: Pick<BrokerSettings, "host" | "port" | "wsPort" | "dataDir">,
  stderr: "inherit" | "piped" = "inherit",
): Deno.ChildProcess {
  const shown = urlHost(host);
  // Deno parses this value as a list, so a path must not contain a comma.
  const only = dataDir.includes(",") ? "" : `=${dataDir}`;
  const env = Deno.env.toObject();
  return new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "--no-prompt",
      "--no-config",
      "--no-lock",
      // Messages only pass through. A large nursery would keep hundreds of megabytes of dead ones.
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

/** The first line of the process's input. The next one is `stop`. */
export function settingsLine(settings: BrokerSettings, logging: Logger["settings"]): string {
  return JSON.stringify({ ...settings, logging });
}

/** Writes a line to the process's standard input. Ignores a process that has ended: its exit status reports that. */
export async function tellBroker({ stdin }: Deno.ChildProcess, line: string): Promise<void> {
  const input = stdin.getWriter();
  await input.write(new TextEncoder().encode(`${line}\n`)).catch(() => {});
  input.releaseLock();
}

/** The process's only line of output. Undefined if it ended before that. */
export async function readAnswer({ stdout }: Deno.ChildProcess): Promise<BrokerAnswer | undefined> {
  let text = "";
  for await (const chunk of stdout.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    if (text.includes("\n")) return JSON.parse(text);
  }
}
