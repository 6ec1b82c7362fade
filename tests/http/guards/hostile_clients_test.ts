import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Logger } from "../../../lib/base/log.ts";
import { createApp } from "../../../lib/http/app.ts";
import { listen } from "../../../lib/http/server.ts";
import { eventually } from "../../support/eventually.ts";
import { type FakeApiOptions, FakeRunner } from "../fake_runner.ts";
import { FakeOperator } from "../fake_operator.ts";

const encoder = new TextEncoder();
const LINGER = 20;
const log = new Logger({ level: "silent" });

/** The API on a port, for clients that no library would be. */
function served(options: FakeApiOptions = {}) {
  const [runner, operator, closing] = [new FakeRunner(), new FakeOperator(), new AbortController()];
  const app = createApp(runner, operator, {
    token: undefined,
    maxBody: 100_000,
    host: "127.0.0.1",
    linger: LINGER,
    closing: closing.signal,
    ...options,
  });
  const listening = listen(app, { host: "127.0.0.1", port: 0, portAsked: true, log });
  return {
    ...listening,
    runner,
    operator,
    connect: () => Deno.connect({ hostname: "127.0.0.1", port: listening.port }),
    async [Symbol.asyncDispose]() {
      closing.abort();
      await listening.shutdown();
    },
  };
}

function head(method: string, path: string, ...headers: string[]): Uint8Array {
  return encoder.encode([`${method} ${path} HTTP/1.1`, "host: localhost", ...headers, "", ""].join("\r\n"));
}

async function writeAll(connection: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length;) done += await connection.write(bytes.subarray(done));
}

/** What the server sends, up to a text, or to where it closes the connection. */
async function everything(connection: Deno.Conn, last?: string): Promise<string> {
  const buffer = new Uint8Array(65_536);
  const decoder = new TextDecoder();
  let text = "";
  for (;;) {
    const count = await connection.read(buffer).catch(() => null);
    if (count === null) return text;
    text += decoder.decode(buffer.subarray(0, count), { stream: true });
    if (last !== undefined && text.slice(-count - last.length).includes(last)) return text;
  }
}

Deno.test("an endless body is answered and cut off, wherever it is sent", async () => {
  await using api = served({ token: "t", host: "127.0.0.1" });
  const chunk = encoder.encode(`10000\r\n${"x".repeat(65_536)}\r\n`);
  const send = async (path: string, ...headers: string[]) => {
    using connection = await api.connect();
    const answer = everything(connection);
    await writeAll(connection, head("POST", path, "transfer-encoding: chunked", ...headers));
    let sent = 0;
    try {
      for (;; sent += chunk.length) await writeAll(connection, chunk);
    } catch {
      return { sent, status: (await answer).slice(9, 12) };
    }
  };
  const bearer = "authorization: Bearer t";
  const all = await Promise.all([
    send("/functions/hello", bearer),
    send("/functions/hello"),
    send("/functions/nobody", bearer),
    send("/functions/hello/pause", bearer),
    send("/functions/hello", bearer, "origin: https://evil.example"),
    send("/elsewhere", bearer),
  ]);
  assertEquals(all.map(({ status }) => status), ["413", "401", "404", "413", "403", "404"]);
  // What the buffers of the system hold.
  for (const { sent } of all) assert(sent < 64_000_000, `${sent} bytes were taken`);
  assertEquals(api.runner.published, []);
});

Deno.test("an announced body that is too large is refused before it comes", async () => {
  await using api = served();
  using connection = await api.connect();
  await writeAll(connection, head("POST", "/functions/hello", "content-length: 100000000"));
  assertStringIncludes(await everything(connection), "413");
});

Deno.test("clients that send byte by byte hold nobody up, and get their answers", async () => {
  await using api = served();
  const slow = await Promise.all(Array.from({ length: 50 }, () => api.connect()));
  for (const connection of slow) await writeAll(connection, head("POST", "/functions/hello", "content-length: 200"));
  for (let count = 0; count < 200; count++) {
    await Promise.all(slow.map((connection) => connection.write(encoder.encode("x"))));
    if (count === 199) break;
    const response = await fetch(`${api.url}/functions/orders.created`, { method: "POST", body: "y" });
    assertEquals([response.status, (await response.text()).length > 0], [202, true]);
  }
  await eventually(() => api.runner.published.length === 249);
  const slowly = api.runner.published.filter(({ name }) => name === "hello");
  assertEquals([slowly.length, slowly.every(({ request }) => request.body.length === 200)], [50, true]);
  for (const connection of slow) connection.close();
});

Deno.test("clients that read nothing hold nobody up, and a stream is cut off that its reader does not keep up with", async () => {
  await using api = served();
  api.runner.views[0].error = "x".repeat(10_000_000);
  const deaf = await Promise.all(Array.from({ length: 5 }, () => api.connect()));
  for (const connection of deaf) await writeAll(connection, head("GET", "/functions"));
  const stream = await api.connect();
  await writeAll(stream, head("GET", "/logs?follow=true"));
  await eventually(() => api.operator.hub.size === 1);
  const line = { time: 1, level: "info", message: "x".repeat(5_000) };
  for (let count = 0; count < 5_000; count++) {
    api.operator.hub.publish({ kind: "log", function: "hello", runner: "here", line });
    if (count % 100 === 0) assertEquals(await (await fetch(`${api.url}/healthz`)).text(), "ok\n");
  }
  const text = await everything(stream, "event: cut");
  assert(text.split("event: log").length < 4_000, "what nobody reads is not kept");
  await eventually(() => api.operator.hub.size === 0);
  for (const connection of [...deaf, stream]) connection.close();
});

Deno.test("streams over the limit are refused with the reason, and there is room again when one ends", async () => {
  await using api = served({ maxStreams: 2 });
  const follow = () => fetch(`${api.url}/logs?follow=true`);
  const open = [await follow(), await follow()];
  const refused = await follow();
  assertEquals([refused.status, refused.headers.get("retry-after")], [429, "5"]);
  assertStringIncludes((await refused.json()).detail, "2 streams are open");
  assertEquals(await (await fetch(`${api.url}/logs`)).json(), { items: [], silent: [] }, "asking is not following");
  await open[0].body!.cancel();
  const again = await eventually(async () => {
    const response = await follow();
    if (response.status === 200) return response;
    await response.body?.cancel();
  });
  assertEquals(again.headers.get("content-type"), "text/event-stream");
  for (const response of [open[1], again]) await response.body!.cancel();
});
