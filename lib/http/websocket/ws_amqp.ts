import { Hono } from "hono";
import { describeError } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import { WS_AMQP } from "../guards/access.ts";
import { assertOwnPage } from "../guards/guard.ts";
import { Problem } from "../problem.ts";
import type { RunnerView } from "../runner_view.ts";
import { relay } from "./ws_relay.ts";

const PROTOCOL = "amqp";

export interface WsAmqpOptions {
  log?: Logger;
  /** Aborts to close open connections and to refuse new ones. */
  closing?: AbortSignal;
}

/** `/ws/amqp`: AMQP over WebSocket. Relays the bytes to this machine's broker. */
export function wsAmqpRoutes(runner: RunnerView, { log, closing }: WsAmqpOptions): Hono {
  return new Hono().get(WS_AMQP, async (context) => {
    assertOwnPage(context);
    const place = runner.localBroker();
    if (!place) {
      throw new Problem(404, "Not Found", "the broker is the one that AMQP_URL names: connect to it, not here");
    }
    const { raw } = context.req;
    if (raw.headers.get("upgrade")?.toLowerCase() !== "websocket") {
      throw new Problem(426, "Upgrade Required", "this is for WebSockets", { upgrade: "websocket" });
    }
    const protocol = protocolOf(raw);
    const broker = await connect(place);
    const { socket, response } = Deno.upgradeWebSocket(raw, { protocol });
    void relay(socket, broker, closing).catch((error) => log?.debug(`${WS_AMQP}: ${describeError(error)}`));
    return response;
  });
}

/** Clients may ask for no subprotocol, but not only for others. */
function protocolOf(request: Request): string | undefined {
  const asked = request.headers.get("sec-websocket-protocol")?.split(",").map((one) => one.trim());
  if (asked && !asked.includes(PROTOCOL)) {
    throw new Problem(400, "Bad Request", `the subprotocol here is "${PROTOCOL}", found "${asked.join(", ")}"`);
  }
  return asked && PROTOCOL;
}

/** Connects before the upgrade, so that the client gets an HTTP status if the broker is down. */
async function connect(place: { hostname: string; port: number }): Promise<Deno.TcpConn> {
  try {
    const broker = await Deno.connect({ ...place, signal: AbortSignal.timeout(5_000) });
    broker.setNoDelay(true);
    return broker;
  } catch (error) {
    throw new Problem(
      503,
      "Service Unavailable",
      `no broker answers at ${place.hostname}:${place.port}: ${describeError(error)}`,
      { "retry-after": "1" },
    );
  }
}
