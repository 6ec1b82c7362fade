import { assertEquals, assertStringIncludes } from "@std/assert";
import { Logger } from "../../../lib/base/log.ts";
import { fakeApi, problemOf } from "../fake_runner.ts";

const TOKENS = { token: "write-it", readToken: "read-it", host: "0.0.0.0" };
const headers = (token: string) => ({ authorization: `Bearer ${token}` });

Deno.test("the read token opens what changes nothing, and nothing else", async () => {
  const { app, ask, runner, operator } = fakeApi(TOKENS);
  const asked: [method: string, path: string][] = app.routes
    .filter(({ method, path }) => method !== "ALL" && !path.includes("*"))
    .map(({ method, path }) => [method, path.replace(/:\w+/g, "hello")]);
  assertEquals(asked.length > 10, true);
  for (const [method, path] of asked) {
    if (path === "/healthz" || path === "/readyz") continue;
    const reads = method === "GET" && path !== "/ws/amqp";
    assertEquals((await ask(path, { method })).status, 401, `${method} ${path} without a token`);
    const { status } = await ask(path, { method, headers: headers("read-it") });
    assertEquals(status === 403, !reads, `${method} ${path} with the read token: ${status}`);
    assertEquals(status === 401, false, `${method} ${path} with the read token: ${status}`);
    if (!reads) continue;
    const written = await ask(path, { method, headers: headers("write-it") });
    assertEquals([401, 403].includes(written.status), false, `${method} ${path} with the write token`);
  }
  assertEquals([runner.published.length, operator.pausing.length], [0, 0]);
});

Deno.test("a refusal of the read token names the token that is needed", async () => {
  const { post } = fakeApi(TOKENS);
  const response = await post("/functions/hello", "1", headers("read-it"));
  assertStringIncludes(response.headers.get("www-authenticate")!, "insufficient_scope");
  assertStringIncludes(String((await problemOf(response)).detail), "needs API_TOKEN");
  assertEquals((await post("/functions/hello", "1", headers("write-it"))).status, 202);
});

Deno.test("reasons of /readyz are shown with either token", async () => {
  const { ask, runner } = fakeApi(TOKENS);
  runner.readiness = { ready: false, checks: [{ name: "x", ok: false, detail: "secret reason" }] };
  const text = async (init: RequestInit) => await (await ask("/readyz?verbose", init)).text();
  assertEquals((await text({})).includes("secret reason"), false);
  for (const token of ["read-it", "write-it"]) assertStringIncludes(await text({ headers: headers(token) }), "secret");
});

Deno.test("each write leaves one line in the log; reads and published messages leave none", async () => {
  const lines: Record<string, unknown>[] = [];
  const log = new Logger({ write: (line) => void lines.push(JSON.parse(line)) });
  const { ask, post } = fakeApi({ ...TOKENS, log });
  await ask("/functions", { headers: headers("write-it") });
  await post("/functions/hello", "1", headers("write-it"));
  assertEquals(lines.length, 0);
  await post("/functions/hello/pause", "", { ...headers("write-it"), "user-agent": "curl/8" });
  await post("/functions/hello/pause", "", headers("read-it"));
  await ask("/functions/hello/dead", { method: "DELETE" });
  assertEquals(lines.map(({ message, status }) => [message, status]), [
    ["audit: POST /functions/hello/pause", 200],
    ["audit: POST /functions/hello/pause", 403],
    ["audit: DELETE /functions/hello/dead", 401],
  ]);
  assertEquals(lines[0].agent, "curl/8");
});
