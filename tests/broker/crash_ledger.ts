import { assert, assertEquals } from "@std/assert";

/** What one queue owes its consumer, as the consumer saw it. */
export class QueueLedger {
  readonly name: string;
  /** Acks that were sent; whether they lasted is not known. */
  readonly acked = new Set<number>();
  /** Acks that came before a confirm, and so last. */
  readonly settled = new Set<number>();
  /** By lane: the last message that this run of the broker delivered. */
  #last = new Map<number, number>();
  #held = new Set<number>();
  #requeued = new Set<number>();
  readonly #laneOf: (id: number) => number;

  constructor(name: string, laneOf: (id: number) => number) {
    this.name = name;
    this.#laneOf = laneOf;
  }

  /** The broker was started again: what was held is no more, and the order begins anew. */
  restarted(): void {
    this.#last = new Map();
    this.#held.clear();
    this.#requeued.clear();
  }

  /** A delivery; `before` says whether it was published to an earlier run of the broker. */
  delivered(id: number, redelivered: boolean, before: boolean): void {
    const what = `message ${id} of ${this.name}`;
    assert(!this.settled.has(id), `${what} came back after its ack had lasted`);
    assert(!this.#held.has(id), `${what} came twice`);
    assertEquals(redelivered, before || this.#requeued.has(id), `${what}: whether it is redelivered`);
    this.#held.add(id);
    if (this.#requeued.delete(id)) return;
    const lane = this.#laneOf(id);
    const last = this.#last.get(lane) ?? -1;
    assert(id > last, `${what} came after ${last}`);
    this.#last.set(lane, id);
  }

  ack(id: number): void {
    this.#held.delete(id);
    this.acked.add(id);
  }

  requeue(id: number): void {
    this.#held.delete(id);
    this.#requeued.add(id);
  }
}

/** The size of a message's body: mostly small, a few larger than all buffers. */
export function bodySize(id: number): number {
  const mixed = Math.imul(id + 1, 0x9e3779b1) >>> 0;
  if (mixed % 400 === 0) return 200_000 + (mixed % 600_000);
  if (mixed % 20 === 0) return 10_000 + (mixed % 20_000);
  return 16 + (mixed % 500);
}

/** A body that says which message it is, and shows where it is torn. */
export function bodyOf(id: number): Uint8Array {
  const body = new Uint8Array(bodySize(id)).fill(id & 255);
  new DataView(body.buffer).setUint32(0, id);
  return body;
}

/** The message that has this body. @throws where it is no whole body of one */
export function idOf(body: Uint8Array): number {
  const id = new DataView(body.buffer, body.byteOffset, body.byteLength).getUint32(0);
  assertEquals(body.length, bodySize(id), `message ${id} has another length`);
  const filler = id & 255;
  assert(body.subarray(4).every((byte) => byte === filler), `message ${id} has another body`);
  return id;
}
