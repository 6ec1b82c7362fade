import { joined } from "../protocol/joined.ts";
import { Address, type Message } from "./message.ts";
import {
  decodeTable,
  describeValue,
  encodeField,
  type FieldTable,
  type FieldValue,
  splitTable,
} from "../protocol/table.ts";
import type { DeathReason, Queue } from "./queue.ts";
import { recipients, type Router } from "../routing/router.ts";

const NOTHING = new Uint8Array(0);

interface Death {
  queue: Queue;
  message: Message;
  reason: DeathReason;
}

/** What was noted of the last message that died for the first time. */
interface Note {
  readonly queue: Queue;
  readonly address: Address;
  readonly reason: DeathReason;
  readonly second: number;
  readonly bytes: Uint8Array;
}

/**
 * Publishes dead letters to the dead-letter exchanges of their queues. A dead letter may cause another one in the next
 * queue. They wait in a list, so that a long chain is a loop instead of a deep recursion.
 */
export class DeadLetters {
  readonly #router: Router;
  readonly #waiting: Death[] = [];
  #working = false;
  #lastAddress = new Address("", "");
  #lastNote: Note | undefined;

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

  #publish(death: Death): void {
    const { message } = death;
    if (message.mayHaveCopies || message.mayHaveDied || !this.#publishFirst(death)) this.#publishAgain(death);
  }

  /** Of a message that never died and has no copies: what is noted of it is the same as of its neighbours. */
  #publishFirst(death: Death): boolean {
    const { queue, message, reason } = death;
    if (!message.canHaveMore) return false;
    const { deadLetterExchange, deadLetterRoutingKey = message.address.routingKey } = queue.arguments;
    const dead = message.withMore(this.#firstNote(death), this.#address(deadLetterExchange!, deadLetterRoutingKey));
    for (const target of this.#router.route(dead)) {
      if (reason === "rejected" || target.name !== queue.name) target.publish(dead);
    }
    return true;
  }

  /** The headers of a first death, encoded; AMQP's times are in seconds. */
  #firstNote(death: Death): Uint8Array {
    const { queue, message: { address }, reason } = death;
    const second = Math.floor(Date.now() / 1_000);
    const last = this.#lastNote;
    const same = last?.queue === queue && last.address === address && last.reason === reason && last.second === second;
    if (same) return last.bytes;
    const fields = new Map<string, Uint8Array>();
    note(fields, death, [address.routingKey], []);
    const bytes = joined([...fields.values()]);
    this.#lastNote = { queue, address, reason, second, bytes };
    return bytes;
  }

  #publishAgain({ queue, message, reason }: Death): void {
    const fields = new Map(splitTable(message.headerBytes()).map(({ name, bytes }) => [name, bytes]));
    // Only these headers are used here.
    const headers = decodeTable(joined(["x-death", "CC"].map((name) => fields.get(name) ?? NOTHING)));
    const { deadLetterExchange, deadLetterRoutingKey } = queue.arguments;
    const copies = recipients(headers, "CC");
    const keys = deadLetterRoutingKey !== undefined ? [deadLetterRoutingKey] : [message.address.routingKey, ...copies];
    const deaths = readDeaths(headers);
    note(fields, { queue, message, reason }, [message.address.routingKey, ...copies], deaths);
    if (deadLetterRoutingKey !== undefined) fields.delete("CC");
    const edit = { headers: joined([...fields.values()]), expiration: null };
    const dead = message.edited(edit, this.#address(deadLetterExchange!, keys[0]));
    for (const target of this.#router.routeKeys(deadLetterExchange!, keys, () => dead.headers())) {
      // A consumer decides on each reject, but a cycle of expiries would never end.
      if (reason !== "rejected" && isCycle(target.name, queue.name, deaths)) continue;
      target.publish(dead);
    }
  }

  /** A cache, since consecutive dead letters usually go to the same address. */
  #address(exchange: string, routingKey: string): Address {
    const { exchange: lastExchange, routingKey: lastKey } = this.#lastAddress;
    if (exchange === lastExchange && routingKey === lastKey) return this.#lastAddress;
    return this.#lastAddress = new Address(exchange, routingKey);
  }
}

/** Whether the message was in the target queue before, and no consumer has rejected it since. */
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

/** Records a death in the header fields. The other fields stay byte for byte as they were. */
function note(fields: Map<string, Uint8Array>, death: Death, keys: string[], deaths: readonly FieldTable[]): void {
  const { queue, message, reason } = death;
  const firsts = { reason, queue: queue.name, exchange: message.address.exchange };
  if (!fields.has("x-death")) {
    for (const [what, value] of Object.entries(firsts)) {
      const name = `x-first-death-${what}`;
      fields.set(name, encodeField(name, value));
    }
  }
  fields.set("x-death", encodeField("x-death", noted(death, keys, merged(deaths))));
}

/** Puts this death at the front of the list. If there is one for the same queue and reason, its count is increased. */
function noted({ queue, message, reason }: Death, keys: string[], deaths: FieldTable[]): FieldValue[] {
  const known = deaths.find((death) => death.queue === queue.name && death.reason === reason);
  if (known) return [withCount(known, (countOf(known) ?? 0n) + 1n), ...deaths.filter((death) => death !== known)];
  const { address, properties } = message;
  const death: FieldTable = Object.assign(Object.create(null), {
    count: 1n,
    reason,
    queue: queue.name,
    time: new Date(),
    exchange: address.exchange,
    "routing-keys": keys,
  });
  if (properties.expiration !== undefined) death["original-expiration"] = properties.expiration;
  return [death, ...deaths];
}

/**
 * Merges deaths with the same queue and reason: old brokers wrote one entry per death, and clients may send such lists.
 * The first entry stays, and a missing count is filled in.
 */
function merged(deaths: readonly FieldTable[]): FieldTable[] {
  const groups = Map.groupBy(
    deaths,
    ({ queue, reason }) => JSON.stringify([queue, reason].map((value) => describeValue(value ?? null))),
  );
  return [...groups.values()].map(([first, ...others]) => {
    const count = countOf(first) ?? (deaths.length > 1 ? BigInt(others.length + 1) : undefined);
    return count === undefined ? first : withCount(first, count);
  });
}

/** Counts are 64-bit in these tables. */
function withCount(death: FieldTable, count: bigint): FieldTable {
  return Object.assign(Object.create(null), death, { count });
}

/** Clients may send anything under this name. */
function countOf({ count }: FieldTable): bigint | undefined {
  return typeof count === "bigint" || Number.isSafeInteger(count) ? BigInt(count as bigint | number) : undefined;
}
