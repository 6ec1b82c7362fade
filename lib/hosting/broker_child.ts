import { fileURLToPath } from "node:url";
import { urlHost } from "../settings/config.ts";
import type { ErrorCode } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import { DENO_NEEDS } from "../sandbox/host/command.ts";

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

/** What the process says, once, on standard output. */
export interface BrokerAnswer {
  ready?: { port: number; wsPort?: number };
  failed?: { code: ErrorCode | "portTaken"; message: string };
}

const ENTRY = fileURLToPath(new URL("../broker/hosted.ts", import.meta.url));

/**
 * Starts the broker's process, which waits for `settingsLine()`. It may listen on its ports and write its data, and nothing
 * else; it sees none of the environment's secrets.
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

/** The first line that the process is told. The next one is `stop`. */
export function settingsLine(settings: BrokerSettings, logging: Logger["settings"]): string {
  return JSON.stringify({ ...settings, logging });
}

/** Writes a line to its standard input. A process that is gone takes nothing, and its status says so. */
export async function tellBroker({ stdin }: Deno.ChildProcess, line: string): Promise<void> {
  const input = stdin.getWriter();
  await input.write(new TextEncoder().encode(`${line}\n`)).catch(() => {});
  input.releaseLock();
}

/** Its first line, after which it has nothing to say; undefined where it ended before. */
export async function readAnswer({ stdout }: Deno.ChildProcess): Promise<BrokerAnswer | undefined> {
  let text = "";
  for await (const chunk of stdout.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    if (text.includes("\n")) return JSON.parse(text);
  }
}
