import { assertEquals, assertStringIncludes } from "@std/assert";
import type { HttpEndpoint } from "../../../lib/invocation/definition/http_endpoint.ts";
import { fakeApi, type FakeApiOptions, problemOf } from "../fake_runner.ts";

const SHOP = "https://shop.example.com";

/** An API with a function "pay" that has this `http`. */
function withEndpoint(http: Partial<HttpEndpoint>, options: FakeApiOptions = {}) {
  const api = fakeApi(options);
  const defaults = {
    path: "/hooks/pay",
    methods: ["POST"],
    public: false,
    headers: [],
    origins: [],
    events: false,
    maxBody: 0,
  };
  api.runner.views[0] = { ...api.runner.views[0], name: "pay", http: { ...defaults, ...http } };
  return api;
}

Deno.test("a request to a function's path becomes a message, with the headers that the function names", async () => {
  const { ask, runner } = withEndpoint({ methods: ["POST", "GET"], headers: ["stripe-signature"] });
  const headers = { "stripe-signature": "t=1,v1=ab", "x-other": "1", "message-id": "m1", "content-type": "text/plain" };
  const response = await ask("/hooks/pay?mode=test", { method: "POST", body: "é\n", headers });
  assertEquals([response.status, await response.json()], [202, { messageId: "m1" }]);
  const [{ name, request }] = runner.published;
  assertEquals([name, new TextDecoder().decode(request.body), request.contentType], ["pay", "é\n", "text/plain"]);
  const own = { "stripe-signature": "t=1,v1=ab", "http-method": "POST", "http-query": "mode=test" };
  assertEquals(request.headers, own);
  assertEquals((await ask("/hooks/pay")).status, 202);
  assertEquals(runner.published[1].request.body.length, 0);
});

Deno.test("POST /functions/:name passes the named headers too, and no others", async () => {
  const { post, runner } = withEndpoint({ headers: ["x-tenant"] });
  await post("/functions/pay", "1", { "x-tenant": "acme", "x-other": "1" });
  assertEquals(runner.published[0].request.headers, { "x-tenant": "acme" });
});

Deno.test("a method that the function does not name is 405, and a path of no function is 404", async () => {
  const { ask } = withEndpoint({});
  const response = await ask("/hooks/pay", { method: "PUT", body: "" });
  assertEquals([response.status, response.headers.get("allow")], [405, "POST"]);
  assertEquals((await ask("/hooks/none", { method: "POST", body: "" })).status, 404);
});

Deno.test("a path needs the write token unless it is public", async () => {
  const tokens = { token: "write-it", readToken: "read-it", host: "0.0.0.0" };
  const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
  const closed = withEndpoint({ methods: ["GET", "POST"] }, tokens);
  assertEquals((await closed.post("/hooks/pay", "1")).status, 401);
  // A GET publishes a message as well.
  assertEquals((await closed.ask("/hooks/pay", { headers: bearer("read-it") })).status, 403);
  assertEquals((await closed.post("/hooks/pay", "1", bearer("write-it"))).status, 202);
  const open = withEndpoint({ public: true }, tokens);
  assertEquals((await open.post("/hooks/pay", "1")).status, 202);
  assertEquals((await open.post("/functions/pay", "1")).status, 401);
});

Deno.test("on loopback, a public path is open to other host names and other sites, as tunnels need, and others are not", async () => {
  const request = {
    method: "POST",
    body: "1",
    headers: { host: "abc.tunnel.example", "sec-fetch-site": "cross-site" },
  };
  assertEquals((await withEndpoint({ public: true }).ask("/hooks/pay", request)).status, 202);
  assertEquals((await withEndpoint({}).ask("/hooks/pay", request)).status, 403);
});

Deno.test("pages of an allowed origin may send requests, with a preflight, and read the answers, errors too", async () => {
  const { ask, post } = withEndpoint({ origins: [SHOP], maxBody: 3 });
  const headers = { origin: SHOP, "sec-fetch-site": "cross-site" };
  for (const path of ["/hooks/pay", "/functions/pay"]) {
    const asked = {
      ...headers,
      "access-control-request-method": "POST",
      "access-control-request-headers": "content-type",
    };
    const preflight = await ask(path, { method: "OPTIONS", headers: asked });
    assertEquals([preflight.status, preflight.headers.get("access-control-allow-origin")], [204, SHOP]);
    assertEquals(preflight.headers.get("access-control-allow-methods"), "POST");
    const sent = await post(path, "1", headers);
    assertEquals([sent.status, sent.headers.get("access-control-allow-origin")], [202, SHOP]);
    const tooLarge = await post(path, "1234", headers);
    assertEquals([tooLarge.status, tooLarge.headers.get("access-control-allow-origin")], [413, SHOP]);
  }
});

Deno.test("pages of other origins are refused, and get no header that lets them read", async () => {
  const { ask, post, runner } = withEndpoint({ origins: [SHOP] });
  for (const path of ["/hooks/pay", "/functions/pay"]) {
    const headers = { origin: "https://evil.example", "sec-fetch-site": "cross-site" };
    const response = await post(path, "1", headers);
    assertEquals([response.status, response.headers.get("access-control-allow-origin")], [403, null]);
    assertEquals((await ask(path, { method: "OPTIONS", headers })).headers.get("access-control-allow-origin"), null);
  }
  const elsewhere = await post("/functions/orders.created", "1", { origin: SHOP, "sec-fetch-site": "cross-site" });
  assertEquals(elsewhere.status, 403);
  assertEquals(runner.published, []);
});

Deno.test("an allowed origin is no token", async () => {
  const { post } = withEndpoint({ origins: ["*"] }, { token: "write-it", host: "0.0.0.0" });
  const response = await post("/hooks/pay", "1", { origin: SHOP });
  assertEquals([response.status, response.headers.get("access-control-allow-origin")], [401, SHOP]);
});

Deno.test("headers that do not fit into a message are refused", async () => {
  const { post } = withEndpoint({ headers: ["x-long"] });
  const response = await post("/hooks/pay", "1", { "x-long": "x".repeat(20_000) });
  assertEquals(response.status, 431);
  assertStringIncludes(String((await problemOf(response)).detail), "16384");
});
