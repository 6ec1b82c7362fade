import { WarrenError } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import { isLoopback, isLoopbackAuthority } from "../../base/loopback.ts";
import { type Transport, Unread, WebSocketTransport } from "./transport.ts";

export interface WebSocketOptions {
  host: string;
  wsPort: number | undefined;
  wsPortAsked: boolean;
  log: Logger;
  /** Bytes that all clients together may have buffered unread. */
  unread: number;
}

export interface WebSocketListener {
  readonly port: number;
  close(): Promise<void>;
}

/**
 * Serves AMQP over WebSocket, with the subprotocol `amqp`. `onClient` gets each client, and whether it is on this
 * machine.
 *
 * @throws {WarrenError} `config` if the user chose the port and it is taken
 */
export function listenWebSocket(
  { host, wsPort, wsPortAsked, log, unread: limit }: WebSocketOptions,
  onClient: (transport: Transport, local: boolean) => void,
): WebSocketListener | undefined {
  if (wsPort === undefined) return undefined;
  const unread = new Unread(limit);
  try {
    const server = Deno.serve({ hostname: host, port: wsPort, onListen: () => {} }, (request, { remoteAddr }) => {
      const refused = refusal(request, host);
      if (refused) return refused;
      const subprotocol = offered(request).includes("amqp") ? { protocol: "amqp" } : {};
      const { socket, response } = Deno.upgradeWebSocket(request, { ...subprotocol, idleTimeout: 0 });
      const { hostname, port } = remoteAddr as Deno.NetAddr;
      const transport = new WebSocketTransport(socket, `${hostname}:${port}`, unread);
      socket.onopen = () => onClient(transport, isLoopback(hostname));
      return response;
    });
    return { port: (server.addr as Deno.NetAddr).port, close: () => server.shutdown() };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const what = `the broker cannot listen for WebSockets on ${host}:${wsPort}: ${why}`;
    if (wsPortAsked) throw new WarrenError("config", `${what}; choose another with BROKER_WS_PORT`, { cause: error });
    log.warn(`${what}; it serves without them`);
    return undefined;
  }
}

/**
 * Any web page can open a WebSocket to any host, and the guest account's password is public. So on loopback, pages of
 * other sites are refused, and so are host names that only resolve to loopback.
 */
function refusal(request: Request, host: string): Response | undefined {
  if (request.headers.get("upgrade")?.toLowerCase() !== "websocket") {
    return new Response("AMQP over WebSocket: connect with the subprotocol amqp\n", {
      status: 426,
      headers: { upgrade: "websocket" },
    });
  }
  if (!isLoopback(host)) return undefined;
  const origin = request.headers.get("origin");
  const page = origin === null ? undefined : URL.canParse(origin) ? new URL(origin).host : "";
  if (!isLoopbackAuthority(request.headers.get("host") ?? "")) {
    return new Response("Not this machine\n", { status: 403 });
  }
  if (page !== undefined && !isLoopbackAuthority(page)) {
    return new Response("Pages of other sites are refused\n", { status: 403 });
  }
  return undefined;
}

function offered(request: Request): string[] {
  return (request.headers.get("sec-websocket-protocol") ?? "").split(",").map((name) => name.trim());
}
