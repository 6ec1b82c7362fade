import { AMQPClient, type AMQPWebSocketClient } from "@cloudamqp/amqp-client";
import { AMQPView } from "@cloudamqp/amqp-client/amqp-view";

/** Private parts of the client. */
interface Internals {
  bufferPool: AMQPView[];
}

/** The result of `send()` for a client whose writes are joined. It never rejects. */
export const SENT = Promise.resolve();
/** Bytes. More than this is written before the end of the turn, and a large chunk without a copy. */
export const LARGE = 64 * 1024;

/**
 * Joins what one turn of the event loop sends into one write: acks and publishes
 * cost the system call, not the bytes. What is sent is copied where the client would
 * keep the buffer that it is in, one of the largest frame's size, until the confirm of a
 * publish: so all publishes have one buffer, which is free again as soon as one is sent.
 *
 * A promise of what is sent resolves before it is written. A write that fails ends the connection, which rejects all that
 * waits for an answer; the client hangs a publish's confirm onto the promise of its write, and where that came later, or
 * failed, the confirm was rejected with nobody there to hear it: an unhandled rejection for each.
 */
export function coalesceWrites(client: AMQPClient | AMQPWebSocketClient): void {
  if (!(client instanceof AMQPClient)) return;
  const send = client.send.bind(client);
  const shared = new AMQPView(new ArrayBuffer(client.frameMax));
  // A body that does not fit has a buffer of its own, which nobody must keep.
  Object.assign((client as unknown as Internals).bufferPool, { pop: () => shared, push: () => 1 });
  /** Copied from here in one piece: one piece per chunk would mean many allocations outside of V8's heap. */
  const waiting = new Uint8Array(LARGE);
  let size = 0;
  let scheduled = false;
  const write = (bytes: Uint8Array) => void send(bytes).catch((error) => client.socket?.destroy(error));
  const flush = () => {
    if (size > 0) write(waiting.slice(0, size));
    size = 0;
  };
  const onTurn = () => {
    scheduled = false;
    flush();
  };
  client.send = (bytes) => {
    // Nothing would ever answer.
    if (client.closed || !client.socket) return send(bytes);
    if (size + bytes.length > LARGE) flush();
    if (bytes.length > LARGE) {
      write(bytes.buffer === shared.buffer ? bytes.slice() : bytes);
      return SENT;
    }
    waiting.set(bytes, size);
    size += bytes.length;
    if (!scheduled) setImmediate(onTurn);
    scheduled = true;
    return SENT;
  };
}
