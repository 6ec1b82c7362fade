import type { Row } from "../row.ts";

/**
 * Rows that still run although their deliveries are gone: the broker delivers their messages again, maybe to this runner.
 * A message has no name of its own, so that the same message is one with the same id, route and bytes.
 */
export class Strays {
  readonly #rows = new Map<string, Set<Row>>();

  add(row: Row): void {
    const key = keyOf(row);
    const alike = this.#rows.get(key) ?? new Set();
    this.#rows.set(key, alike.add(row));
  }

  delete(row: Row): void {
    if (!row.stray) return;
    const key = keyOf(row);
    const alike = this.#rows.get(key);
    alike?.delete(row);
    if (alike?.size === 0) this.#rows.delete(key);
  }

  /** The row that runs for the same message, if no other row waits for it. */
  find(row: Row): Row | undefined {
    if (this.#rows.size === 0 || !row.invocation.redelivered) return undefined;
    for (const stray of this.#rows.get(keyOf(row)) ?? []) {
      const free = stray.follower === undefined || stray.follower.stage === "done";
      if (free && sameBytes(stray.invocation.body, row.invocation.body)) return stray;
    }
  }
}

function keyOf({ invocation: { properties, exchange, routingKey, body } }: Row): string {
  return JSON.stringify([properties.messageId, exchange, routingKey, body.length]);
}

function sameBytes(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}
