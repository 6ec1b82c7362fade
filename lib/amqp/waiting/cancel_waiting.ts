import type { AMQPMessage } from "@cloudamqp/amqp-client";
import { WarrenError } from "../../base/errors.ts";
import type { Client } from "../client/client.ts";
import { Scan } from "../dead_letters/dead_letter_scan.ts";
import { countQueues } from "../depth/queue_counts.ts";
import { HEADERS } from "../message/names.ts";

export interface CancelOptions {
  /** Messages of one queue that are looked at. @default 10_000 */
  most?: number;
  /** Milliseconds for which the messages of one queue are held. @default 5_000 */
  hold?: number;
  signal?: AbortSignal;
}

/** A message that was taken out. */
export interface Cancelled {
  /** The retry queue that it waited in. */
  readonly waited: string;
  /** The queue that it would have come back to. */
  readonly queue: string;
  /** The attempt that it waited for. */
  readonly attempt: number;
}

const MOST = 10_000;
const HOLD = 5_000;

/**
 * Takes the message with that id out of the retry queue that it waits in, and gives what it was; undefined where no queue
 * has it. Queues with few messages come first.
 *
 * AMQP cannot look into a queue, so the messages before it are held, and go back to their places when its channel closes.
 * A delay that ends meanwhile ends when they are back: they come late by the time that they were held, and never early.
 * If this process dies, the broker puts all of them back.
 *
 * @param queues retry queues to look into
 * @throws {WarrenError} `unavailable` where it was not found, and not everything could be looked at
 */
export async function cancelWaiting(
  client: Client,
  id: string,
  queues: readonly string[],
  options: CancelOptions = {},
): Promise<Cancelled | undefined> {
  const answers = await countQueues(client, queues, { signal: options.signal });
  const filled: [queue: string, ready: number][] = [];
  const unseen: string[] = [];
  for (const [queue, answer] of answers) {
    if (answer instanceof WarrenError) unseen.push(answer.message);
    else if (answer !== "missing" && answer.ready > 0) filled.push([queue, answer.ready]);
  }
  for (const [queue] of filled.toSorted(([, one], [, other]) => one - other)) {
    const found = await searchQueue(client, queue, id, options);
    if (found.cancelled) return found.cancelled;
    if (found.unseen) unseen.push(found.unseen);
  }
  if (unseen.length === 0) return undefined;
  throw new WarrenError(
    "unavailable",
    `message "${id}" was not found, but not everything was seen: ${unseen.join("; ")}`,
  );
}

async function searchQueue(
  client: Client,
  queue: string,
  id: string,
  { most = MOST, hold = HOLD, signal }: CancelOptions,
): Promise<{ cancelled?: Cancelled; unseen?: string }> {
  const limit = AbortSignal.timeout(hold);
  // Nothing is copied: a copy would wait for the whole delay again.
  await using scan = await Scan.open(client, queue, {
    most,
    signal: signal ? AbortSignal.any([signal, limit]) : limit,
  });
  for (let message = await scan.next(); message; message = await scan.next()) {
    if (message.properties.messageId !== id) {
      scan.hold(message);
      continue;
    }
    scan.ack(message);
    // This is what says that the ack arrived.
    await scan.close();
    return { cancelled: describe(queue, message) };
  }
  const { looked, depth, stopped } = scan;
  await scan.close();
  return stopped !== undefined || depth > most
    ? { unseen: `the first ${looked} of ${depth} messages of "${queue}" are not it` }
    : {};
}

function describe(queue: string, { routingKey, properties: { headers } }: AMQPMessage): Cancelled {
  const attempt = headers?.[HEADERS.attempt];
  return { waited: queue, queue: routingKey, attempt: typeof attempt === "number" ? attempt : 1 };
}
