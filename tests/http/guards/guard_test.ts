import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { WarrenError } from "../../../lib/base/errors.ts";
import { assertGuarded } from "../../../lib/http/guards/guard.ts";
import { fakeApi, problemOf } from "../fake_runner.ts";

Deno.test("listening beyond loopback without a token is refused with the mend", () => {
  const error = assertThrows(() => fakeApi({ host: "0.0.0.0" }), WarrenError);
  assertEquals(error.code, "config");
  assertStringIncludes(error.message, "API_TOKEN");
  assertGuarded("0.0.0.0", "token");
  assertGuarded("::1", undefined);
});

Deno.test("with a token, all but the health routes need it", async () => {
  const { ask, post } = fakeApi({ token: "s3cret", host: "0.0.0.0" });
  for (const path of ["/healthz", "/readyz"]) assertEquals((await ask(path)).status, 200);
  const refused = [await ask("/functions"), await ask("/functions/hello"), await ask("/elsewhere")];
  refused.push(await post("/functions/hello", "0"), await ask("/functions", { method: "DELETE" }));
  for (const response of refused) {
    assertEquals([response.status, response.headers.get("www-authenticate")], [401, 'Bearer realm="warren"']);
    await problemOf(response);
  }
});

Deno.test("only the whole token opens, as a bearer", async () => {
  const { ask } = fakeApi({ token: "s3cret", host: "0.0.0.0" });
  const status = async (authorization: string) => (await ask("/functions", { headers: { authorization } })).status;
  assertEquals(await status("Bearer s3cret"), 200);
  assertEquals(await status("bearer s3cret"), 200);
  for (const wrong of ["Bearer s3cre", "Bearer s3cret2", "Bearer", "s3cret", "Basic s3cret", "Bearer s3cret s3cret"]) {
    assertEquals(await status(wrong), 401);
  }
});

Deno.test("on loopback, a name that is not this machine's is refused", async () => {
  const { app } = fakeApi();
  const status = async (host: string) => (await app.request("/functions", { headers: { host } })).status;
  for (const host of ["localhost:8000", "LOCALHOST", "127.0.0.1:1", "[::1]:8000"]) {
    assertEquals(await status(host), 200);
  }
  for (const host of ["evil.example", "127.0.0.1.evil.example:8000", "localhost.evil.example"]) {
    assertEquals(await status(host), 403);
  }
});

Deno.test("beyond loopback, any name will do: there the token guards", async () => {
  const { app } = fakeApi({ token: "s3cret", host: "0.0.0.0" });
  const headers = { host: "warren.example", authorization: "Bearer s3cret" };
  assertEquals((await app.request("/functions", { headers })).status, 200);
});

Deno.test("a page of another site publishes nothing", async () => {
  const { post, runner } = fakeApi();
  const others: Record<string, string>[] = [
    { "sec-fetch-site": "cross-site" },
    { "sec-fetch-site": "same-site" },
    { origin: "https://evil.example" },
    { origin: "http://localhost:3000" },
    { origin: "null" },
  ];
  for (const headers of others) assertEquals((await post("/functions/hello", "0", headers)).status, 403);
  assertEquals(runner.published, []);
});

Deno.test("a page of another site is refused by every route that changes something or holds dead letters", async () => {
  const { app, ask, runner, operator } = fakeApi();
  const routes = app.routes.filter(({ method, path }) => {
    return method !== "ALL" && !path.includes("*") && (method !== "GET" || path.includes("/dead"));
  });
  const others: Record<string, string>[] = [
    { "sec-fetch-site": "cross-site" },
    { origin: "https://evil.example" },
    { origin: "null" },
  ];
  assertEquals(routes.length >= 10, true);
  for (const { method, path } of routes) {
    const url = path.replace(/:\w+/g, "hello");
    for (const headers of others) {
      const response = await ask(url, { method, headers });
      assertEquals(response.status, 403, `${method} ${path} with ${JSON.stringify(headers)}`);
      assertStringIncludes(String((await problemOf(response)).detail), "other sites");
    }
  }
  assertEquals([runner.published, operator.pausing, operator.resuming, operator.purged], [[], [], [], []]);
});

Deno.test("its own pages, and programs that are no browser, publish", async () => {
  const { post, runner } = fakeApi();
  const own = { "sec-fetch-site": "same-origin", origin: "http://localhost:8000" };
  assertEquals((await post("/functions/hello", "0", own)).status, 202);
  assertEquals((await post("/functions/hello", "0")).status, 202);
  assertEquals(runner.published.length, 2);
});

Deno.test("a link from another site may be followed", async () => {
  const headers = { "sec-fetch-site": "cross-site" };
  assertEquals((await fakeApi().ask("/functions", { headers })).status, 200);
});

Deno.test("every answer, errors too, says that it is neither to be sniffed nor kept", async () => {
  const { ask } = fakeApi({ token: "s3cret" });
  for (const path of ["/healthz", "/functions", "/elsewhere"]) {
    const { headers } = await ask(path);
    assertEquals([headers.get("x-content-type-options"), headers.get("cache-control")], ["nosniff", "no-store"]);
  }
});
