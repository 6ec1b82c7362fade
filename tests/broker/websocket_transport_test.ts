import { assert, assertEquals } from "@std/assert";
import { Unread, WebSocketTransport } from "../../lib/broker/server/transport.ts";

/** Bytes. */
const LIMIT = 8 * 1024 * 1024;

/** The side of a WebSocket that a transport sees, without a network. */
class FakeSocket {
  binaryType = "";
  closed = false;
  onmessage: (event: { data: ArrayBuffer }) => void = () => {};
  close(): void {
    this.closed = true;
  }
}

/** Sends parts of a size until the transport closes, and gives how many it took. */
function flood(size: number, most: number): number {
  const socket = new FakeSocket();
  new WebSocketTransport(socket as unknown as WebSocket, "test", new Unread(LIMIT));
  let sent = 0;
  while (!socket.closed && sent < most) {
    socket.onmessage({ data: new ArrayBuffer(size) });
    sent++;
  }
  return sent;
}

Deno.test("a WebSocket that sends on while it is not read is closed, in large parts and in single bytes", () => {
  assertEquals(flood(1024 * 1024, 100), 8);
  const small = flood(1, 1_000_000);
  assert(small < 50_000, `${small} parts were taken`);
});

Deno.test("what was read counts no more", async () => {
  const socket = new FakeSocket();
  const transport = new WebSocketTransport(socket as unknown as WebSocket, "test", new Unread(LIMIT));
  const buffer = new Uint8Array(1);
  for (let sent = 0; sent < 100_000; sent++) {
    socket.onmessage({ data: new ArrayBuffer(2) });
    await transport.read(buffer);
    await transport.read(buffer);
  }
  assertEquals(socket.closed, false);
});
