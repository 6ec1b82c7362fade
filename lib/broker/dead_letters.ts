import { joined } from "./protocol/joined.ts";
import { Address, type Message } from "./message.ts";
import { encodeField, type FieldTable, type FieldValue, splitTable } from "./protocol/table.ts";
import type { DeathReason, Queue } from "./queue.ts";
import { recipients, type Router } from "./router.ts";

interface Death {
  queue: Queue;
  message: Message;
  reason: DeathReason;
}

/**
 * Publishes dead letters to the dead-letter exchanges of their queues. One dead letter may make another one
 * of the next queue: they wait in a list, so that a long chain is a loop and no deep stack.
 */
export class DeadLetters {
  readonly #router: Router;
  readonly #waiting: Death[] = [];
  #working = false;

  constructor(router: Router) {
    this.#router = router;
  }

  add(queue: Queue, message: Message, reason: DeathReason): void {
    this.#waiting.push({ queue, message, reason });
    if (this.#working) return;
    this.#working = true;
    try {
      for (let death = this.#waiting.shift(); death; death = this.#waiting.shift()) this.#publish(death);
    } finally {
      this.#working = false;
    }
  }

  #publish({ queue, message, reason }: Death): void {
    const headers = message.headers();
    const { deadLetterExchange, deadLetterRoutingKey } = queue.arguments;
    const copies = recipients(headers, "CC");
    const keys = deadLetterRoutingKey !== undefined ? [deadLetterRoutingKey] : [message.address.routingKey, ...copies];
    const deaths = readDeaths(headers);
    const address = new Address(deadLetterExchange!, keys[0]);
    const dead = message.edited(
      { headers: deadHeaders(message, headers, queue, reason, deaths), expiration: null },
      address,
    );
    for (const target of this.#router.routeKeys(deadLetterExchange!, keys, () => dead.headers())) {
      // A consumer's reject is a decision each time; a cycle of expiries would turn for ever.
      if (reason !== "rejected" && isCycle(target.name, queue.name, deaths)) continue;
      target.publish(dead);
    }
  }
}

/** Whether the message was in the queue before, and nobody rejected it since. */
function isCycle(target: string, from: string, deaths: readonly FieldTable[]): boolean {
  if (target === from) return true;
  const index = deaths.findIndex((death) => death.queue === target);
  return index >= 0 && !deaths.slice(0, index + 1).some((death) => death.reason === "rejected");
}

function readDeaths(headers: FieldTable): FieldTable[] {
  const deaths = headers["x-death"];
  if (!Array.isArray(deaths)) return [];
  return deaths.filter((death): death is FieldTable =>
    typeof death === "object" && death !== null && !Array.isArray(death) && !(death instanceof Date) &&
    !(death instanceof Uint8Array)
  );
}

/** The headers with this death noted, the others byte for byte as they were. */
function deadHeaders(
  message: Message,
  headers: FieldTable,
  queue: Queue,
  reason: DeathReason,
  deaths: readonly FieldTable[],
): Uint8Array {
  const fields = new Map(splitTable(message.headerBytes()).map(({ name, bytes }) => [name, bytes]));
  const firsts = { reason, queue: queue.name, exchange: message.address.exchange };
  for (const [what, value] of Object.entries(firsts)) {
    const name = `x-first-death-${what}`;
    if (!fields.has(name)) fields.set(name, encodeField(name, value));
  }
  fields.set("x-death", encodeField("x-death", noted(message, headers, queue, reason, deaths)));
  if (queue.arguments.deadLetterRoutingKey !== undefined) fields.delete("CC");
  return joined([...fields.values()]);
}

/** The list of deaths with this one in front: another of its kind is the same one, counted. */
function noted(
  { address, properties }: Message,
  headers: FieldTable,
  queue: Queue,
  reason: DeathReason,
  deaths: readonly FieldTable[],
): FieldValue[] {
  const index = deaths.findIndex((death) => death.queue === queue.name && death.reason === reason);
  if (index >= 0) {
    const again = Object.assign(Object.create(null), deaths[index], {
      count: countOf(deaths[index]) + 1n,
    });
    return [withLong(again), ...deaths.filter((_, at) => at !== index).map(withLong)];
  }
  const death: FieldTable = Object.assign(Object.create(null), {
    count: 1n,
    reason,
    queue: queue.name,
    time: new Date(),
    exchange: address.exchange,
    "routing-keys": [address.routingKey, ...recipients(headers, "CC")],
  });
  if (properties.expiration !== undefined) death["original-expiration"] = properties.expiration;
  return [death, ...deaths.map(withLong)];
}

/** Counts are 64-bit in these tables, whatever their value. */
function withLong(death: FieldTable): FieldTable {
  return Object.assign(Object.create(null), death, { count: countOf(death) });
}

/** A client may send what it likes under this name too. */
function countOf({ count }: FieldTable): bigint {
  return typeof count === "bigint" || Number.isSafeInteger(count) ? BigInt(count as bigint | number) : 0n;
}
