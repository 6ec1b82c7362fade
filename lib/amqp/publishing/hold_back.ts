import { toRung } from "../../invocation/retry_policy.ts";
import type { Client } from "../client/client.ts";
import { retryQueue } from "../message/names.ts";
import type { Topology } from "../topology/topology.ts";
import type { OutgoingMessage } from "./confirms/outgoing_message.ts";

/**
 * Declares what holds a message back for its queue, and gives the message as it is to be published.
 *
 * @param delay milliseconds, rounded to two significant digits
 * @throws {WarrenError} `unroutable` where there is no such queue
 */
export async function heldBack(
  client: Client,
  topology: Pick<Topology, "declareRung" | "bindToDispatch">,
  message: Omit<OutgoingMessage, "exchange">,
  delay: number,
): Promise<OutgoingMessage> {
  const rung = toRung(delay);
  await topology.bindToDispatch(client, message.routingKey);
  await topology.declareRung(client, rung);
  return { exchange: retryQueue(rung), ...message };
}
