import type { AMQPMessage } from "@cloudamqp/amqp-client";
import { describeError, WarrenError } from "../../base/errors.ts";
import type { Client } from "../client/client.ts";
import { Scan } from "../dead_letters/dead_letter_scan.ts";
import { countQueues } from "../depth/queue_counts.ts";
import { samePlaceProperties } from "../message/headers.ts";
import { ORPHANS } from "../message/names.ts";
import { bodyOf } from "../order/dead_letter_lane.ts";
import type { Publisher } from "../publishing/publisher.ts";

/** What became of the orphans. */
export interface Returned {
  /** Messages that were there at the start. */
  readonly depth: number;
  /** Back in their queues. */
  readonly returned: number;
  /** The queues that are still missing, with how many messages wait for each. */
  readonly missing: ReadonlyMap<string, number>;
  /** Why it ended before the last of them. */
  readonly stopped: "window" | "signal" | undefined;
}

/** Milliseconds for a confirm. */
const PATIENCE = 10_000;
const CHANNEL = "orphans";

/**
 * Puts orphans back into the queues that they were for, as far as these are there again. Each is published and confirmed
 * before it is acknowledged: if that is interrupted, one may be there twice, and none is lost.
 *
 * @throws {WarrenError} `unavailable` or `refused`
 */
export async function returnOrphans(
  client: Client,
  publisher: Pick<Publisher, "publish">,
  { signal }: { signal?: AbortSignal } = {},
): Promise<Returned> {
  const missing = new Map<string, number>();
  const there = new Set<string>();
  let returned = 0;
  if (!await exists(client, ORPHANS)) return { depth: 0, returned, missing, stopped: undefined };
  // The exchange of the same name keeps the routing key.
  const copy = (message: AMQPMessage) => put(publisher, message, { exchange: ORPHANS, routingKey: message.routingKey });
  await using scan = await Scan.open(client, ORPHANS, { most: Infinity, signal, copy });
  for (let message = await scan.next(); message; message = await scan.next()) {
    const queue = message.routingKey;
    if (!missing.has(queue) && (there.has(queue) || await exists(client, queue))) {
      there.add(queue);
      await put(publisher, message, { exchange: "", routingKey: queue });
      scan.ack(message);
      returned++;
    } else {
      missing.set(queue, (missing.get(queue) ?? 0) + 1);
      scan.hold(message);
    }
  }
  const { depth, stopped } = scan;
  await scan.close();
  return { depth, returned, missing, stopped };
}

/** As it is, with its attempt. */
async function put(
  publisher: Pick<Publisher, "publish">,
  message: AMQPMessage,
  to: { exchange: string; routingKey: string },
): Promise<void> {
  const copy = { ...to, body: bodyOf(message), properties: samePlaceProperties(message) };
  try {
    await publisher.publish(copy, { channel: CHANNEL, signal: AbortSignal.timeout(PATIENCE) });
  } catch (error) {
    const text = `an orphan could not be put back into "${to.routingKey}": ${describeError(error)}`;
    throw new WarrenError(error instanceof WarrenError ? error.code : "unavailable", text, { cause: error });
  }
}

async function exists(client: Client, queue: string): Promise<boolean> {
  return (await countQueues(client, [queue])).get(queue) !== "missing";
}
