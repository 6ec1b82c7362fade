import { joinBytes } from "../../base/bytes.ts";

/** Bytes that may wait for the broker, for all clients together. A WebSocket cannot be made to send more slowly. */
const LIMIT = 128 * 1024 * 1024;
/** Bytes per write. A larger piece is written alone. */
const BATCH = 256 * 1024;

let waiting = 0;

/** The bytes that one client sent and that are not written to the broker yet, in order. */
export class Outbox {
  readonly #connection: Deno.TcpConn;
  #pieces: Uint8Array[] = [];
  #size = 0;
  #writing: Promise<void> | undefined;
  #broken = false;

  constructor(connection: Deno.TcpConn) {
    this.#connection = connection;
  }

  /** False if there was no room. The outbox is then unusable. */
  push(bytes: Uint8Array): boolean {
    if (this.#broken) return false;
    if (waiting + bytes.length > LIMIT) {
      this.#drop();
      return false;
    }
    this.#pieces.push(bytes);
    this.#size += bytes.length;
    waiting += bytes.length;
    this.#writing ??= this.#write();
    return true;
  }

  /** Resolves once everything is written or the connection is lost. */
  async flushed(): Promise<void> {
    await this.#writing;
  }

  async #write(): Promise<void> {
    try {
      while (this.#size > 0) {
        const pieces = this.#pieces;
        this.#pieces = [];
        this.#size = 0;
        for (const batch of batches(pieces)) {
          if (this.#broken) waiting -= batch.length;
          else await this.#send(batch);
        }
      }
    } finally {
      this.#writing = undefined;
    }
  }

  async #send(batch: Uint8Array): Promise<void> {
    try {
      for (let done = 0; done < batch.length;) done += await this.#connection.write(batch.subarray(done));
    } catch {
      this.#drop();
    } finally {
      waiting -= batch.length;
    }
  }

  #drop(): void {
    this.#broken = true;
    waiting -= this.#size;
    this.#pieces = [];
    this.#size = 0;
  }
}

/** Joins small pieces, since one write for each would be slow. */
function* batches(pieces: readonly Uint8Array[]): Generator<Uint8Array> {
  let batch: Uint8Array[] = [];
  let size = 0;
  for (const piece of pieces) {
    batch.push(piece);
    size += piece.length;
    if (size < BATCH) continue;
    yield joinBytes(batch, size);
    batch = [];
    size = 0;
  }
  if (size > 0) yield joinBytes(batch, size);
}
