import { assert, assertEquals } from "@std/assert";
import { Validator } from "@seriousme/openapi-schema-validator";
import { describedRoutes } from "../../../lib/http/openapi/document.ts";
import { OPERATIONS } from "../../../lib/http/openapi/operations/operations.ts";
import { fakeApi, type FakeApiOptions } from "../fake_runner.ts";
import type { Document } from "./closed_document.ts";
import { FakeMessageEvents } from "./fake_message_events.ts";
import { FakeMetrics } from "./fake_metrics.ts";

/** An app with every route that there may be. */
function api(options: FakeApiOptions = {}) {
  return fakeApi({ ...options, metrics: new FakeMetrics(), messages: new FakeMessageEvents() });
}

async function documentOf({ ask }: ReturnType<typeof api>, headers?: HeadersInit): Promise<Document> {
  return await (await ask("/openapi.json", { headers })).json();
}

Deno.test("the document is valid OpenAPI 3.1", async () => {
  const { valid, errors } = await new Validator().validate(await documentOf(api()));
  assertEquals([errors, valid], [undefined, true]);
});

Deno.test("every route is described, and nothing else is", () => {
  const routes = describedRoutes(api().app.routes).map(({ method, path }) => `${method} ${path}`);
  assertEquals(routes.toSorted(), Object.keys(OPERATIONS).toSorted(), "see lib/http/openapi/operations/operations.ts");
});

Deno.test("each parameter in a path is described, and each that is described is in the path", () => {
  for (const [route, { parameters = [] }] of Object.entries(OPERATIONS)) {
    const described = parameters.filter((parameter) => parameter.in === "path").map(({ name }) => name);
    const there = [...route.matchAll(/:(\w+)/g)].map(([, name]) => name);
    assertEquals(described, there, route);
  }
});

Deno.test("each reference leads to a schema, and each schema is referred to", async () => {
  const document = await documentOf(api());
  const referred = new Set(JSON.stringify(document).match(/(?<=#\/components\/schemas\/)\w+/g));
  assertEquals([...referred].toSorted(), Object.keys(document.components.schemas).toSorted());
});

Deno.test("each operation says which token it needs", async () => {
  const guarded = await documentOf(api({ token: "t" }), { authorization: "Bearer t" });
  const security = (path: string, method: string) => guarded.paths[path][method].security;
  assertEquals(security("/functions", "get"), [{ read: [] }, { write: [] }]);
  assertEquals(security("/functions/{name}/pause", "post"), [{ write: [] }]);
  assertEquals(security("/ws/amqp", "get"), [{ write: [] }]);
  assertEquals(security("/healthz", "get"), []);
  assert(!("401" in guarded.paths["/readyz"].get.responses) && "401" in guarded.paths["/functions"].get.responses);
  assertEquals((await documentOf(api())).paths["/functions"].get.security[0], {}, "without a token, none is needed");
});

Deno.test("the document needs a token, and the one that may read is enough", async () => {
  const { ask } = api({ token: "w", readToken: "r", host: "0.0.0.0" });
  const status = async (headers?: HeadersInit) => (await ask("/openapi.json", { headers })).status;
  assertEquals([await status(), await status({ authorization: "Bearer r" })], [401, 200]);
});

Deno.test("paths that functions have of their own are in the document, each with its methods", async () => {
  const fake = api({ token: "t" });
  const endpoint = {
    path: "/hooks/pay",
    methods: ["POST", "PUT"],
    headers: [],
    origins: [],
    events: false,
    maxBody: 0,
  };
  fake.runner.views[0].http = { ...endpoint, public: true };
  fake.runner.views[1].http = { ...endpoint, path: "/inside", public: false };
  const document = await documentOf(fake, { authorization: "Bearer t" });
  assertEquals(Object.keys(document.paths["/hooks/pay"]), ["post", "put"]);
  assertEquals(document.paths["/hooks/pay"].post.security, []);
  assertEquals(document.paths["/inside"].put.security, [{ write: [] }]);
  const { valid } = await new Validator().validate(document);
  assert(valid);
  fake.runner.views = [];
  assert(!("/hooks/pay" in (await documentOf(fake, { authorization: "Bearer t" })).paths), "it is made anew each time");
});

Deno.test("routes that a runner does not have are not in its document", async () => {
  const document = await documentOf(fakeApi());
  assert(!("/metrics" in document.paths) && "/functions" in document.paths);
});
