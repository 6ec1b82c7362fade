import { AMQPClient, type AMQPWebSocketClient } from "@cloudamqp/amqp-client";
import { joinBytes } from "../bytes.ts";

/** Bytes: more than this is written without waiting for the turn to end, and a large chunk without a copy. */
const LARGE = 64 * 1024;

/**
 * Joins what one turn of the event loop sends into one write: acks and publishes
 * cost the system call, not the bytes.
 */
export function coalesceWrites(client: AMQPClient | AMQPWebSocketClient): void {
  if (!(client instanceof AMQPClient)) return;
  const send = client.send.bind(client);
  let chunks: Uint8Array[] = [];
  let size = 0;
  let written: PromiseWithResolvers<void> | undefined;
  const flush = () => {
    if (!written) return;
    const waiting = written;
    const bytes = chunks.length === 1 ? chunks[0] : joinBytes(chunks, size);
    chunks = [];
    size = 0;
    written = undefined;
    send(bytes).then(waiting.resolve, waiting.reject);
  };
  client.send = (bytes) => {
    if (!written) {
      written = Promise.withResolvers<void>();
      setImmediate(flush);
    }
    const { promise } = written;
    chunks.push(bytes);
    size += bytes.length;
    if (size >= LARGE) flush();
    return promise;
  };
}
