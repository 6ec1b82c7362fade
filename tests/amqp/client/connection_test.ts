import { assert, assertEquals } from "@std/assert";
import { Connection } from "../../../lib/amqp/client/connection.ts";
import { WarrenError } from "../../../lib/base/errors.ts";
import { Logger } from "../../../lib/base/log.ts";
import { brokerTest } from "../../support/brokers.ts";
import { eventually } from "../../support/eventually.ts";

const log = new Logger({ level: "silent" });

Deno.test("what prepare throws is the attempt's failure, and the next attempt prepares again", async () => {
  let calls = 0;
  const prepare = () => Promise.reject(new WarrenError("storage", `failure ${++calls}`));
  const connection = new Connection({ urls: ["amqp://127.0.0.1:1"], name: "test", log, prepare });
  connection.start();
  await eventually(() => connection.state.detail === "failure 2");
  assertEquals([connection.state.connected, connection.state.url], [false, undefined]);
  await connection.close();
});

Deno.test("a connection that is still being prepared can be closed", async () => {
  const never = Promise.withResolvers<void>();
  const connection = new Connection({
    urls: ["amqp://127.0.0.1:1"],
    name: "test",
    log,
    prepare: () => never.promise,
  });
  connection.start();
  await connection.close();
});

Deno.test("a connection is closed at once during a handshake that nobody answers, over TCP and over WebSocket", async () => {
  for (const scheme of ["amqp", "ws"]) {
    using silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const urls = [`${scheme}://127.0.0.1:${silent.addr.port}`];
    const connection = new Connection({ urls, name: "test", log, timeout: 3_600_000 });
    connection.start();
    using _peer = await silent.accept();
    let closed = false;
    void connection.close().then(() => closed = true);
    await eventually(() => closed);
  }
});

brokerTest("URLs that a function gives are asked for after prepare", async (url) => {
  const urls: string[] = [];
  const prepare = () => Promise.resolve(void urls.push(url));
  const connection = new Connection({ urls: () => urls, name: "test", log, prepare });
  connection.start();
  await connection.opened(AbortSignal.timeout(5_000));
  assert(connection.state.connected);
  await connection.close();
});
