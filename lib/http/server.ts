import type { Hono } from "hono";
import { urlHost } from "../settings/config.ts";
import { WarrenError } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import { endsWithin } from "../base/time/within.ts";

export interface ListenOptions {
  host: string;
  port: number;
  /** The user chose the port, so no other port is tried. */
  portAsked: boolean;
  log: Logger;
}

/** A server that listens. */
export interface Listening {
  readonly url: string;
  readonly port: number;
  /** Stops accepting requests. Requests in progress have 2 s to finish. */
  shutdown(): Promise<void>;
}

/** Milliseconds that requests in progress have at shutdown. */
const GRACE = 2_000;
/** How many successive ports are tried if the user chose none. */
const TRIES = 100;

/** @throws {WarrenError} `config` if the port is taken or not permitted */
export function listen(app: Hono, { host, port, portAsked, log }: ListenOptions): Listening {
  for (let tried = port;; tried++) {
    try {
      const server = Deno.serve({ hostname: host, port: tried, onListen: () => {} }, app.fetch);
      if (tried !== port) log.debug(`port ${port} is taken, so the HTTP API is on ${tried}`);
      const address = server.addr;
      return { url: `http://${urlHost(host)}:${address.port}`, port: address.port, shutdown: () => shutdown(server) };
    } catch (error) {
      const taken = error instanceof Deno.errors.AddrInUse;
      if (taken && !portAsked && tried < port + TRIES) continue;
      const why = taken ? "the port is taken" : error instanceof Error ? error.message : String(error);
      throw new WarrenError(
        "config",
        `the HTTP API cannot listen on ${urlHost(host)}:${tried}: ${why}; choose another with PORT`,
        {
          cause: error,
        },
      );
    }
  }
}

/** Closes idle connections at once, and the others after their response. Stops waiting after GRACE. */
async function shutdown(server: Deno.HttpServer): Promise<void> {
  await endsWithin(GRACE, server.shutdown());
}
