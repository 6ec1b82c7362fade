import { delay } from "../../base/time/backoff.ts";
import { joinBytes } from "../../base/bytes.ts";
import { Share, Turns } from "../../base/time/turns.ts";
import { Outbox } from "./ws_outbox.ts";

/** Bytes that may wait for a client. Above this, the relay stops reading from the broker. */
const TO_CLIENT = 1024 * 1024;
/** Milliseconds between two checks of what waits for a client: WebSockets have no event for that. */
const LOOK = 10;
/**
 * All clients share the runner's turns, so a broker that sends to one client without pause does not block the others.
 */
const turns = new Turns();
/** WebSocket close codes. */
const NORMAL = 1000, GOING_AWAY = 1001, TRY_AGAIN_LATER = 1013;

/** Bytes of a frame header: type, channel and payload size. */
const FRAME_HEADER = 7;
const FRAME_END = 1;
/** If the broker rejects the client's protocol header, it answers with its own and closes. */
const PROTOCOL_HEADER = 8;
const LETTER_A = 0x41;

/** Relays bytes both ways until either side ends or `closing` aborts, then closes both. */
export async function relay(socket: WebSocket, broker: Deno.TcpConn, closing?: AbortSignal): Promise<void> {
  socket.binaryType = "arraybuffer";
  const leave = () => {
    closeSocket(socket, GOING_AWAY, "the runner is stopping");
    closeQuietly(broker);
  };
  closing?.addEventListener("abort", leave, { once: true });
  const closed = toBroker(socket, broker);
  socket.onopen = () => {
    if (closing?.aborted) leave();
    else void toClient(broker, socket);
  };
  try {
    await closed;
  } finally {
    closing?.removeEventListener("abort", leave);
    closeQuietly(broker);
  }
}

/** Resolves once the socket is closed and its data is written or cannot be written. */
function toBroker(socket: WebSocket, broker: Deno.TcpConn): Promise<void> {
  const outbox = new Outbox(broker);
  const { promise, resolve } = Promise.withResolvers<void>();
  socket.onmessage = ({ data }) => {
    if (outbox.push(typeof data === "string" ? new TextEncoder().encode(data) : new Uint8Array(data))) return;
    closeSocket(socket, TRY_AGAIN_LATER, "the client sends faster than the broker reads");
    closeQuietly(broker);
  };
  socket.onerror = () => {}; // a close event follows
  socket.onclose = () => void outbox.flushed().then(resolve);
  return promise;
}

/** Sends whole frames in each message: clients do not join a frame header that is split over two messages. */
async function toClient(broker: Deno.TcpConn, socket: WebSocket): Promise<void> {
  const chunk = new Uint8Array(128 * 1024);
  const split = new FrameSplitter();
  const share = new Share();
  try {
    for (let count = await broker.read(chunk); count !== null; count = await broker.read(chunk)) {
      if (socket.readyState !== WebSocket.OPEN) return;
      await turns.run(share, () => {
        const frames = split.push(chunk.subarray(0, count));
        if (frames) socket.send(frames);
      });
      while (socket.readyState === WebSocket.OPEN && socket.bufferedAmount > TO_CLIENT) await delay(LOOK);
    }
  } catch {
    // The broker closed its side, so the client's side is closed too.
  }
  closeSocket(socket, NORMAL);
}

/** Cuts a stream of bytes at frame boundaries. */
export class FrameSplitter {
  #parts: Uint8Array[] = [];
  #size = 0;
  /** Bytes to skip until the next possible cut. */
  #needed = PROTOCOL_HEADER;

  /**
   * The complete frames so far, in one piece, which may be a view of `bytes`. Undefined if the first frame is
   * incomplete.
   */
  push(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> | undefined {
    const size = this.#size + bytes.length;
    if (size < this.#needed) {
      this.#keep(bytes);
      return undefined;
    }
    const all = this.#size === 0 ? bytes : joinBytes([...this.#parts, bytes], size);
    const { end, needed } = wholeFrames(all);
    this.#needed = needed;
    this.#parts = [];
    this.#size = 0;
    if (end < all.length) this.#keep(all.subarray(end));
    return end > 0 ? all.subarray(0, end) : undefined;
  }

  #keep(bytes: Uint8Array): void {
    this.#parts.push(bytes.slice());
    this.#size += bytes.length;
  }
}

/** The end of the last complete frame, and the size of the next one as far as it is known. */
function wholeFrames(bytes: Uint8Array): { end: number; needed: number } {
  if (bytes[0] === LETTER_A) return { end: PROTOCOL_HEADER, needed: PROTOCOL_HEADER };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let end = 0;;) {
    if (end + FRAME_HEADER > bytes.length) return { end, needed: FRAME_HEADER + FRAME_END };
    const needed = FRAME_HEADER + view.getUint32(end + 3) + FRAME_END;
    if (end + needed > bytes.length) return { end, needed };
    end += needed;
  }
}

function closeSocket(socket: WebSocket, code: number, reason?: string): void {
  if (socket.readyState === WebSocket.OPEN) socket.close(code, reason);
}

function closeQuietly(connection: Deno.TcpConn): void {
  try {
    connection.close();
  } catch {
    // The socket is closed already.
  }
}
