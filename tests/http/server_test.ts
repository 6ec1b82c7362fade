import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { Hono } from "hono";
import { WarrenError } from "../../lib/base/errors.ts";
import { createApp } from "../../lib/http/app.ts";
import { listen } from "../../lib/http/server.ts";
import { Logger } from "../../lib/base/log.ts";
import { eventually } from "../support/eventually.ts";
import { FakeOperator } from "./fake_operator.ts";
import { FakeRunner } from "./fake_runner.ts";

const log = new Logger({ level: "silent" });
const hello = new Hono().get("/", (context) => context.text("hello"));

function listenOn(port: number, portAsked = true, app = hello) {
  return listen(app, { host: "127.0.0.1", port, portAsked, log });
}

Deno.test("listen() serves on port 0 and says which port that is", async () => {
  const listening = listenOn(0);
  assertEquals(listening.url, `http://127.0.0.1:${listening.port}`);
  assertEquals(await (await fetch(listening.url)).text(), "hello");
  await listening.shutdown();
});

Deno.test("a port that nobody asked for moves up when it is taken", async () => {
  const first = listenOn(0);
  const second = listenOn(first.port, false);
  assert(second.port > first.port);
  await Promise.all([first.shutdown(), second.shutdown()]);
});

Deno.test("a port that was asked for and is taken is an error that names it", async () => {
  const first = listenOn(0);
  const error = assertThrows(() => listenOn(first.port), WarrenError);
  assertEquals(error.code, "config");
  assertStringIncludes(error.message, `127.0.0.1:${first.port}: the port is taken`);
  await first.shutdown();
});

Deno.test("a host that is not this machine's is an error", () => {
  const error = assertThrows(
    () => listen(hello, { host: "192.0.2.1", port: 0, portAsked: false, log }),
    WarrenError,
  );
  assertEquals(error.code, "config");
});

Deno.test("shutdown() does not wait for a connection that is only kept open", async () => {
  const listening = listenOn(0);
  using idle = await Deno.connect({ hostname: "127.0.0.1", port: listening.port });
  await idle.write(new TextEncoder().encode("GET / HTTP/1.1\r\nhost: localhost\r\n\r\n"));
  await idle.read(new Uint8Array(1024));
  await listening.shutdown();
});

Deno.test("shutdown() lets a running request finish", async () => {
  const arrived = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<void>();
  const app = new Hono().get("/", async (context) => {
    arrived.resolve();
    await answer.promise;
    return context.text("late");
  });
  const listening = listenOn(0, true, app);
  const response = fetch(listening.url);
  await arrived.promise;
  const shutdown = listening.shutdown();
  answer.resolve();
  assertEquals(await (await response).text(), "late");
  await shutdown;
});

Deno.test("shutdown() waits only so long for a request that does not finish", async () => {
  const arrived = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<void>();
  const app = new Hono().get("/", async (context) => {
    arrived.resolve();
    await answer.promise;
    return context.text("too late");
  });
  const listening = listenOn(0, true, app);
  const response = fetch(listening.url);
  await arrived.promise;
  await listening.shutdown();
  answer.resolve();
  await (await response).text();
});

Deno.test("a client that goes away is not waited for any more", async () => {
  const runner = new FakeRunner();
  runner.silent = true;
  const listening = listenOn(
    0,
    true,
    createApp(runner, new FakeOperator(), { token: undefined, host: "127.0.0.1", log, maxBody: 100 }),
  );
  const client = new AbortController();
  const asked = fetch(`${listening.url}/functions/hello`, {
    method: "POST",
    headers: { prefer: "wait=3600" },
    body: "x",
    signal: client.signal,
  });
  await eventually(() => runner.gone !== undefined);
  assertEquals(runner.gone?.aborted, false);

  client.abort();

  await asked.catch(() => {});
  await eventually(() => runner.gone?.aborted);
  await listening.shutdown();
});
