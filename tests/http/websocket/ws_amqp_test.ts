import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { AMQPWebSocketClient } from "@cloudamqp/amqp-client";
import { createApp } from "../../../lib/http/app.ts";
import { listen } from "../../../lib/http/server.ts";
import { FrameSplitter } from "../../../lib/http/websocket/ws_relay.ts";
import { Logger } from "../../../lib/base/log.ts";
import { brokerTest } from "../../support/brokers.ts";
import { eventually } from "../../support/eventually.ts";
import { FakeOperator } from "../fake_operator.ts";
import { fakeApi, FakeRunner, problemOf } from "../fake_runner.ts";

const log = new Logger({ level: "silent" });
const PROTOCOL_ERROR = new Uint8Array([0x41, 0x4d, 0x51, 0x50, 0, 0, 9, 1]);

/** A frame with a payload of that size. */
function frame(size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(7 + size + 1).fill(size % 251);
  bytes[0] = 3;
  new DataView(bytes.buffer).setUint32(3, size);
  bytes[bytes.length - 1] = 0xce;
  return bytes;
}

/** The HTTP API over a broker that is a bare listener in the test's hands. */
class Served implements AsyncDisposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #closing = new AbortController();
  readonly #listening;
  readonly #brokers: Deno.TcpConn[] = [];
  readonly #sockets: WebSocket[] = [];

  constructor(options: { token?: string } = {}) {
    const runner = new FakeRunner();
    runner.broker = { hostname: "127.0.0.1", port: this.#listener.addr.port };
    const app = createApp(runner, new FakeOperator(), {
      token: options.token,
      maxBody: 100,
      host: "127.0.0.1",
      closing: this.#closing.signal,
    });
    this.#listening = listen(app, { host: "127.0.0.1", port: 0, portAsked: true, log });
  }

  get port(): number {
    return this.#listening.port;
  }

  /** The broker's end of the next connection. */
  async accept(): Promise<Deno.TcpConn> {
    const broker = await this.#listener.accept();
    this.#brokers.push(broker);
    return broker;
  }

  /** An open WebSocket, with the messages and the close code it gets. */
  async open(path = "/ws/amqp") {
    const socket = new WebSocket(`ws://127.0.0.1:${this.port}${path}`, "amqp");
    socket.binaryType = "arraybuffer";
    this.#sockets.push(socket);
    const messages: Uint8Array[] = [];
    socket.onmessage = ({ data }) => void messages.push(new Uint8Array(data));
    const closed = new Promise<number>((resolve) => socket.onclose = ({ code }) => resolve(code));
    const [broker] = await Promise.all([this.accept(), new Promise((resolve) => socket.onopen = resolve)]);
    return { socket, messages, closed, broker };
  }

  shutdown(): void {
    this.#closing.abort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    this.#listener.close();
    for (const broker of this.#brokers) close(broker);
    await Promise.all(this.#sockets.map((socket) => closedSocket(socket)));
    await this.#listening.shutdown();
  }
}

function close(connection: Deno.TcpConn): void {
  try {
    connection.close();
  } catch {
    // The test closed it.
  }
}

function closedSocket(socket: WebSocket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.readyState === WebSocket.CLOSED) return resolve();
    socket.addEventListener("close", () => resolve());
    socket.close();
  });
}

async function readExactly(connection: Deno.TcpConn, size: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(size);
  for (let done = 0; done < size;) {
    const count = await connection.read(bytes.subarray(done));
    if (count === null) throw new Error(`the connection ended after ${done} of ${size} bytes`);
    done += count;
  }
  return bytes;
}

function sum(messages: Uint8Array[]): number {
  return messages.reduce((size, message) => size + message.length, 0);
}

Deno.test("frames are whole, however their bytes come", () => {
  const frames = [frame(0), frame(1), frame(5000), frame(0), frame(70_000)];
  const stream = new Uint8Array(frames.flatMap((bytes) => [...bytes]));
  for (const step of [1, 3, 7, 8, 9, 4096, stream.length]) {
    const splitter = new FrameSplitter();
    const out: number[] = [];
    for (let at = 0; at < stream.length; at += step) {
      const whole = splitter.push(stream.slice(at, at + step));
      if (!whole) continue;
      const view = new DataView(whole.buffer, whole.byteOffset, whole.byteLength);
      let end = 0;
      while (end < whole.length) end += 8 + view.getUint32(end + 3);
      assertEquals(end, whole.length, `a message ends within a frame, in steps of ${step}`);
      out.push(...whole);
    }
    assertEquals(new Uint8Array(out), stream);
  }
});

Deno.test("what a client sends reaches the broker byte for byte, in pieces as it likes", async () => {
  await using served = new Served();
  const { socket, broker } = await served.open();
  assertEquals(socket.protocol, "amqp");
  for (const piece of [PROTOCOL_ERROR.slice(0, 3), PROTOCOL_ERROR.slice(3), frame(100), frame(0)]) socket.send(piece);
  assertEquals(await readExactly(broker, 8 + 108 + 8), new Uint8Array([...PROTOCOL_ERROR, ...frame(100), ...frame(0)]));
});

Deno.test("what the broker sends comes as messages of whole frames", async () => {
  await using served = new Served();
  const { messages, broker } = await served.open();
  const bytes = frame(300);
  await broker.write(bytes.slice(0, 5));
  await broker.write(bytes.slice(5, 50));
  await broker.write(bytes.slice(50));
  await eventually(() => sum(messages) === bytes.length);
  assertEquals(messages, [bytes]);
});

Deno.test("a broker that wants another protocol says so to the client, and closes", async () => {
  await using served = new Served();
  const { messages, closed, broker } = await served.open();
  await broker.write(PROTOCOL_ERROR);
  broker.close();
  assertEquals([await closed, messages], [1000, [PROTOCOL_ERROR]]);
});

Deno.test("a client that leaves closes its connection to the broker, after what it sent", async () => {
  await using served = new Served();
  const { socket, broker } = await served.open();
  socket.send(frame(10));
  socket.close();
  await readExactly(broker, 18);
  assertEquals(await broker.read(new Uint8Array(1)), null);
});

Deno.test("a runner that stops closes its WebSockets as going away", async () => {
  await using served = new Served();
  const { closed, broker } = await served.open();
  served.shutdown();
  assertEquals(await closed, 1001);
  assertEquals(await broker.read(new Uint8Array(1)), null);
});

Deno.test("a client that reads nothing is not read for", async () => {
  await using served = new Served();
  using client = await Deno.connect({ hostname: "127.0.0.1", port: served.port });
  const handshake = [
    "GET /ws/amqp HTTP/1.1",
    "host: localhost",
    "upgrade: websocket",
    "connection: upgrade",
    "sec-websocket-version: 13",
    `sec-websocket-key: ${btoa("0123456789abcdef")}`,
    "",
    "",
  ];
  await client.write(new TextEncoder().encode(handshake.join("\r\n")));
  const broker = await served.accept();
  const total = 64 * 1024 * 1024;
  const bytes = frame(131_072 - 8);
  let written = 0;
  const writing = (async () => {
    while (written < total) written += await broker.write(bytes.subarray(written % bytes.length));
  })();

  let before = -1;
  await eventually(() => written === before || void (before = written), { interval: 300 });
  assert(written < total / 2, `${written} bytes were taken from the broker for a client that reads none`);

  const chunk = new Uint8Array(256 * 1024);
  for (let read = 0; read < total;) read += (await client.read(chunk)) ?? total;
  await writing;
});

Deno.test("a broker that reads nothing costs the client its connection, not the runner its memory", async () => {
  await using served = new Served();
  const { socket, closed } = await served.open();
  for (let sent = 0; sent < 160; sent++) socket.send(new Uint8Array(1024 * 1024));
  await closed;
});

Deno.test("where AMQP_URL names a broker, /ws/amqp is 404 with the reason", async () => {
  const response = await fakeApi().ask("/ws/amqp");
  assertEquals(response.status, 404);
  assertStringIncludes(String((await problemOf(response)).detail), "AMQP_URL");
});

Deno.test("what is no WebSocket is 426, another subprotocol 400, and a broker that is not there 503", async () => {
  const { ask, runner } = fakeApi();
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  runner.broker = { hostname: "127.0.0.1", port: listener.addr.port };
  listener.close();
  const upgrade = { upgrade: "websocket", connection: "upgrade" };
  assertEquals((await ask("/ws/amqp")).status, 426);
  assertEquals((await ask("/ws/amqp", { headers: { ...upgrade, "sec-websocket-protocol": "mqtt" } })).status, 400);
  const response = await ask("/ws/amqp", { headers: { ...upgrade, "sec-websocket-protocol": "mqtt, amqp" } });
  assertEquals([response.status, response.headers.get("retry-after")], [503, "1"]);
  await problemOf(response);
});

Deno.test("a page of another site opens no WebSocket; one of this machine, and a program, may", async () => {
  const { ask, runner } = fakeApi();
  runner.broker = { hostname: "127.0.0.1", port: 1 };
  const status = async (origin?: string) => (await ask("/ws/amqp", { headers: origin ? { origin } : {} })).status;
  for (const origin of ["https://evil.example", "http://localhost.evil.example", "null", "file://"]) {
    assertEquals(await status(origin), 403, origin);
  }
  for (const origin of [undefined, "http://localhost:8000", "http://127.0.0.1:3000"]) {
    assertEquals(await status(origin), 426, origin);
  }
});

Deno.test("with a token, a WebSocket may have it in the query, and nothing else may", async () => {
  const { ask, runner } = fakeApi({ token: "s3cret/+", host: "0.0.0.0" });
  runner.broker = { hostname: "127.0.0.1", port: 1 };
  const token = encodeURIComponent("s3cret/+");
  assertEquals((await ask("/ws/amqp")).status, 401);
  assertEquals((await ask("/ws/amqp?token=wrong")).status, 401);
  assertEquals((await ask(`/ws/amqp?token=${token}`)).status, 426);
  assertEquals((await ask("/ws/amqp", { headers: { authorization: "Bearer s3cret/+" } })).status, 426);
  assertEquals((await ask(`/functions?token=${token}`)).status, 401);
});

Deno.test("the token in the query opens a real WebSocket", async () => {
  await using served = new Served({ token: "s3cret" });
  const { messages, broker } = await served.open("/ws/amqp?token=s3cret");
  await broker.write(frame(1));
  await eventually(() => messages.length === 1);
});

brokerTest("an AMQP client over /ws/amqp publishes large messages and gets them back", async (url) => {
  const { hostname, port } = new URL(url);
  const runner = new FakeRunner();
  runner.broker = { hostname, port: Number(port || 5672) };
  const app = createApp(runner, new FakeOperator(), { token: undefined, maxBody: 100, host: "127.0.0.1" });
  const listening = listen(app, { host: "127.0.0.1", port: 0, portAsked: true, log });
  const client = new AMQPWebSocketClient({ url: `ws://127.0.0.1:${listening.port}/ws/amqp`, frameMax: 131_072 });
  await client.connect();
  const channel = await client.channel();
  await channel.confirmSelect();
  const { name } = await channel.queueDeclare("", { exclusive: true });
  const body = new Uint8Array(3_000_000).map((_, index) => index % 251);
  for (let sent = 0; sent < 5; sent++) await channel.basicPublish("", name, body);
  for (let got = 0; got < 5; got++) {
    const message = await channel.basicGet(name, { noAck: true });
    assertEquals(message?.body?.length, body.length);
    assert(message?.body?.every((byte, index) => byte === body[index]));
  }
  await client.close();
  await listening.shutdown();
});
