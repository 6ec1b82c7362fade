import { assert, assertEquals } from "@std/assert";
import { type Found, probe } from "../../../lib/amqp/client/probe.ts";
import { freePort } from "../../support/free_port.ts";
import { rabbitmqTest } from "../../support/rabbitmq.ts";

/** What a server that does this with each connection is taken for. */
async function found(serve: (connection: Deno.TcpConn) => unknown): Promise<Found> {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const served = listener.accept().then(serve);
  const result = await probe("127.0.0.1", listener.addr.port, { timeout: 500 });
  await served;
  return result;
}

rabbitmqTest("RabbitMQ: a broker is known by its product and its version", async (url) => {
  const { hostname, port } = new URL(url);
  const found = await probe(hostname, Number(port));
  assert(found.kind === "broker", found.kind);
  assertEquals(found.broker.product, "RabbitMQ");
  assert(/^\d+\.\d+/.test(found.broker.version), found.broker.version);
});

Deno.test("where nothing listens there is nothing", async () => {
  assertEquals(await probe("127.0.0.1", freePort()), { kind: "nothing" });
});

Deno.test("what answers in another language, or hangs up, is something else", async () => {
  const html = await found(async (connection) => {
    await connection.write(new TextEncoder().encode("HTTP/1.1 400 Bad Request\r\n\r\n"));
    connection.close();
  });
  assertEquals(html, { kind: "stranger", why: "its answer is not that of AMQP 0-9-1" });
  const gone = await found((connection) => connection.close());
  assertEquals(gone.kind, "closed");
});

Deno.test("what says nothing may be a broker that is busy", async () => {
  let silent: Deno.TcpConn | undefined;
  const result = await found((connection) => void (silent = connection));
  silent?.close();
  assertEquals(result, { kind: "silent", why: "it does not answer within 0.5 s" });
});

Deno.test("a probe ends with its signal", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const accepted = listener.accept();
  const stop = new AbortController();
  const probing = probe("127.0.0.1", listener.addr.port, { signal: stop.signal });
  using _connection = await accepted;
  stop.abort();
  assertEquals((await probing).kind, "closed");
});
