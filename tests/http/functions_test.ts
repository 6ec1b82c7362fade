import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { WarrenError } from "../../lib/base/errors.ts";
import { fakeApi, problemOf } from "./fake_runner.ts";

Deno.test("GET /functions lists the functions", async () => {
  const { ask, runner } = fakeApi();
  const response = await ask("/functions");
  assertEquals([response.status, await response.json()], [200, { functions: runner.views }]);
});

Deno.test("GET /functions/:name shows one function, dots and all", async () => {
  const { ask, runner } = fakeApi();
  const response = await ask("/functions/orders.created");
  assertEquals([response.status, await response.json()], [200, runner.views[1]]);
});

Deno.test("an unknown function is 404 with the name, for GET and POST", async () => {
  const { ask, post } = fakeApi();
  for (const response of [await ask("/functions/helo"), await post("/functions/helo", "0")]) {
    assertEquals(response.status, 404);
    assertEquals(await problemOf(response), {
      type: "about:blank",
      title: "Not Found",
      status: 404,
      detail: 'there is no function "helo"; GET /functions lists them',
      instance: "/functions/helo",
    });
  }
});

Deno.test("POST publishes the bytes with their content type and answers 202 with the message id", async () => {
  const { post, runner } = fakeApi();
  const body = new Uint8Array([0, 255, 10]);
  const response = await post("/functions/hello", body, { "content-type": "image/png", "content-encoding": "GZIP" });
  assertEquals(response.status, 202);
  const { messageId } = await response.json();
  assertMatch(messageId, /^[0-9a-f-]{36}$/);
  const [{ name, request }] = runner.published;
  assertEquals([name, request.body, request.messageId], ["hello", body, messageId]);
  assertEquals([request.contentType, request.contentEncoding], ["image/png", "gzip"]);
});

Deno.test("POST without a content type and without a body publishes no bytes and no content type", async () => {
  const { post, runner } = fakeApi();
  const response = await post("/functions/hello", null);
  assertEquals(response.status, 202);
  const [{ request }] = runner.published;
  assertEquals([request.body.length, request.contentType, request.contentEncoding], [0, undefined, undefined]);
});

Deno.test("POST takes its message id from Message-Id, up to 255 bytes", async () => {
  const { post, runner } = fakeApi();
  const taken = await post("/functions/hello", "0", { "message-id": "order-1" });
  assertEquals([taken.status, await taken.json()], [202, { messageId: "order-1" }]);
  const refused = await post("/functions/hello", "0", { "message-id": "x".repeat(256) });
  assertEquals([refused.status, runner.published.length], [400, 1]);
});

Deno.test("POST takes a delay and a priority from its query, and says what is wrong with one", async () => {
  const { post, runner } = fakeApi();
  assertEquals((await post("/functions/hello?delay=10s&priority=5", "0")).status, 202);
  assertEquals([runner.published[0].request.delay, runner.published[0].request.priority], [10_000, 5]);
  const wrong = async (query: string) => {
    const response = await post(`/functions/hello?${query}`, "0");
    return [response.status, (await problemOf(response)).detail];
  };
  assertEquals(await wrong("delay=31d"), [400, "delay: expected at most 30d, found 31d"]);
  assertStringIncludes(String((await wrong("delay=soon"))[1]), 'delay: "soon" is not a duration');
  assertEquals(await wrong("priority=256"), [400, 'priority: expected a whole number from 0 to 255, found "256"']);
  assertEquals(runner.published.length, 1);
});

Deno.test("a content type that cannot be a message's is 415", async () => {
  const { post, runner } = fakeApi();
  for (const type of ["json", "text/", "multipart/form-data; boundary=x", `text/${"x".repeat(255)}`]) {
    const response = await post("/functions/hello", "0", { "content-type": type });
    assertEquals(response.status, 415);
    assertStringIncludes(String((await problemOf(response)).detail), "content type");
  }
  assertEquals(runner.published, []);
});

Deno.test("a content encoding that handlers do not get inflated is 415, and says which are", async () => {
  const { post } = fakeApi();
  const response = await post("/functions/hello", "0", { "content-encoding": "gzip, compress" });
  const known = "gzip, x-gzip, deflate, br, zstd";
  assertEquals([response.status, response.headers.get("accept-encoding")], [415, known]);
  assertEquals((await post("/functions/hello", "0", { "content-encoding": "identity" })).status, 202);
});

Deno.test("a body of the limit is taken, and one byte more is 413", async () => {
  const { post, runner } = fakeApi({ maxBody: 10 });
  assertEquals((await post("/functions/hello", "x".repeat(10))).status, 202);
  const response = await post("/functions/hello", "x".repeat(11));
  assertEquals([response.status, runner.published.length], [413, 1]);
  assertStringIncludes(String((await problemOf(response)).detail), "10 bytes");
});

Deno.test("a body without an end is read no further than the limit", async () => {
  const { post } = fakeApi({ maxBody: 10 });
  let pulled = 0;
  let cancelled = false;
  const endless = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(new Uint8Array(4).fill(pulled++)),
    cancel: () => void (cancelled = true),
  });
  assertEquals((await post("/functions/hello", endless)).status, 413);
  assert(cancelled);
  assert(pulled <= 5, `read ${pulled} chunks of 4 bytes for a limit of 10`);
});

Deno.test("a body that breaks off is 400 and is not published", async () => {
  const { post, runner } = fakeApi();
  const broken = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(new Uint8Array(3));
    },
    pull: (controller) => controller.error(new Error("connection reset")),
  });
  const response = await post("/functions/hello", broken);
  assertEquals([response.status, runner.published.length], [400, 0]);
  await problemOf(response);
});

Deno.test("what the broker does not take becomes a status, and 503 says when to come again", async () => {
  const { post, runner } = fakeApi();
  for (const [code, status] of [["unavailable", 503], ["unroutable", 503], ["refused", 502]] as const) {
    runner.failure = new WarrenError(code, "the broker is away");
    const response = await post("/functions/hello", "0");
    assertEquals([response.status, response.headers.get("retry-after")], [status, status === 503 ? "5" : null]);
    assertEquals((await problemOf(response)).detail, "the broker is away");
  }
});

Deno.test("an error that nobody foresaw is 500 and keeps its text for the log", async () => {
  const { post, runner } = fakeApi();
  runner.failure = new Error("amqp://guest:guest@host");
  const response = await post("/functions/hello", "0");
  assertEquals(response.status, 500);
  assert(!JSON.stringify(await problemOf(response)).includes("guest"));
});

Deno.test("a method that is not served is 405 with those that are", async () => {
  const { ask } = fakeApi();
  const allowed = async (path: string, method: string) => {
    const response = await ask(path, { method });
    assertEquals((await problemOf(response)).status, response.status);
    return [response.status, response.headers.get("allow")];
  };
  assertEquals(await allowed("/functions/hello", "DELETE"), [405, "GET, HEAD, POST"]);
  assertEquals(await allowed("/functions", "POST"), [405, "GET, HEAD"]);
  assertEquals(await allowed("/healthz", "PUT"), [405, "GET, HEAD"]);
});

Deno.test("each path says which methods it has, and none of them is 404", async () => {
  const { app, ask } = fakeApi();
  const paths = new Set(app.routes.map(({ path }) => path).filter((path) => path !== "/*"));
  assert(paths.size > 8, "the routes of the app are not known");
  for (const path of paths) {
    const at = path.replaceAll(/:\w+/g, "hello");
    const response = await ask(at, { method: "PATCH" });
    const { detail } = await problemOf(response);
    assertEquals([response.status, detail], [405, `allowed here: ${response.headers.get("allow")}`], at);
  }
});

Deno.test("what is only posted to cannot be got", async () => {
  const { ask } = fakeApi();
  for (const path of ["/functions/hello/pause", "/functions/hello/resume"]) {
    const response = await ask(path);
    assertEquals([response.status, response.headers.get("allow")], [405, "POST"], path);
  }
  const redrive = await ask("/functions/hello/dead/redrive", { method: "PATCH" });
  assertEquals(redrive.headers.get("allow")?.split(", ").sort(), ["DELETE", "GET", "HEAD", "POST", "PUT"]);
});

Deno.test("a request for one function does not ask for all", async () => {
  const { ask, post, runner } = fakeApi();
  await post("/functions/hello", "0");
  await post("/functions/hello/pause", null);
  await ask("/functions/hello");
  assertEquals(runner.listed, 0);
});

Deno.test("a path that is not served is a 404 problem", async () => {
  const response = await fakeApi().ask("/elsewhere");
  assertEquals(response.status, 404);
  assertEquals((await problemOf(response)).instance, "/elsewhere");
});

Deno.test("POST of an event in HTTP's binary mode puts its attributes into the message, where events are wanted", async () => {
  const { post, runner } = fakeApi();
  runner.views[0].envelope = "cloudevents";
  const headers = { "ce-id": "1", "ce-subject": "Gr%C3%BC%C3%9Fe", "ce-odd": "100%" };
  await post("/functions/hello", "x", headers);
  await post("/functions/orders.created", "x", headers);
  const [{ request: event }, { request: message }] = runner.published;
  assertEquals(event.headers, { cloudEvents_id: "1", cloudEvents_subject: "Grüße", cloudEvents_odd: "100%" });
  assertEquals(message.headers, undefined);
  const response = await post("/functions/hello", "x", { "ce-long": "x".repeat(20_000) });
  assertEquals([response.status, (await problemOf(response)).title], [431, "Request Header Fields Too Large"]);
});

Deno.test("POST for a function that takes no messages says so beside the id: the message waits in its queue", async () => {
  const { post, runner } = fakeApi();
  Object.assign(runner.views[0], { state: "paused", error: "paused by hand" });
  const response = await post("/functions/hello", "0", { "message-id": "1" });
  const detail = 'function "hello" is paused: by hand';
  assertEquals([response.status, await response.json()], [202, { messageId: "1", state: "paused", detail }]);
});
