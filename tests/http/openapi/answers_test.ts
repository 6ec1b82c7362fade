import { assertEquals } from "@std/assert";
import { WarrenError } from "../../../lib/base/errors.ts";
import { OPERATIONS } from "../../../lib/http/openapi/operations/operations.ts";
import { ClosedDocument, type Document } from "./closed_document.ts";
import { fullApi } from "./full_api.ts";

type Api = ReturnType<typeof fullApi>;
/** A route, the status of the answer, and how it comes about. Names in the path are `hello` and `m1` if not given. */
type Case = [route: string, status: number, request?: Asked, before?: (api: Api) => void];

interface Asked {
  readonly query?: Record<string, string>;
  readonly headers?: Record<string, string>;
  readonly body?: string;
  readonly path?: Record<string, string>;
}

const PUBLISH = "POST /functions/:name";
const RUN_NOW = "POST /functions/:name/run";
const DEAD = "/functions/:name/dead";
const NOBODY = { path: { name: "nobody" } };
const NONE = { path: { id: "none" } };
const WAITING = { headers: { prefer: "wait=1" } };
const LARGE = { body: "x".repeat(5_000) };
const UNKNOWN = { query: { wrong: "1" } };
const FILTERS = { reason: "failed", error: "x", olderThan: "1ms", newerThan: "1d", function: "hello", id: "m1" };
const LISTED = { ...FILTERS, header: "a=b", limit: "1" };

const fails = (code: "unavailable" | "refused") => ({ runner, operator }: Api) => {
  const failure = new WarrenError(code, "the broker is away");
  const fail = () => Promise.reject(failure);
  runner.failure = failure;
  Object.assign(operator, { purgeQueue: fail, cancel: fail, pause: fail, resume: fail, runNow: fail });
};
const unbound = ({ operator }: Api) => operator.result = undefined;
const boxless = ({ runner }: Api) => runner.box = undefined;
const endless = ({ box }: Api) => box.busy = new Promise(() => {});
const replies = (outcome: string, body: string) => ({ runner }: Api) => {
  runner.reply = { outcome, body: new TextEncoder().encode(body), contentType: "application/json" };
};
const failed = JSON.stringify({ error: { type: "TypeError", message: "no", stack: "at x" } });

const CASES: Case[] = [
  ["GET /healthz", 200],
  ["GET /readyz", 200],
  ["GET /readyz", 200, { query: { verbose: "" } }],
  ["GET /readyz", 503, { query: { verbose: "" } }, ({ runner }) => {
    runner.readiness = { ready: false, checks: [{ name: "a", ok: false, required: false, detail: "because" }] };
  }],
  ["GET /openapi.json", 200],
  ["GET /metrics", 200],
  ["GET /metrics", 200, { headers: { accept: "application/openmetrics-text" } }],
  ["GET /runners", 200],
  ["GET /status", 200],
  ...(["pause", "resume"] as const).flatMap((what): Case[] => {
    const route = `POST /functions/:name/${what}`;
    const more: Record<string, string> = what === "pause" ? { for: "1h" } : {};
    return [
      [route, 200, { query: { here: "true", by: "me", ...more } }],
      [route, 200, { body: JSON.stringify({ here: true, by: "me", ...more }) }],
      [route, 400, { query: { here: "perhaps" } }],
      [route, 404, NOBODY, unbound],
      [route, 409, {}, unbound],
      [route, 413, LARGE],
      [route, 502, {}, fails("refused")],
      [route, 503, {}, fails("unavailable")],
    ];
  }),
  ["GET /functions", 200],
  ["GET /functions/:name", 200],
  ["GET /functions/:name", 404, NOBODY],
  [PUBLISH, 200, {
    headers: {
      prefer: "wait=1",
      "message-id": "m",
      traceparent: `00-${"a".repeat(32)}-${"b".repeat(16)}-01`,
      tracestate: "a=b",
    },
  }, replies("completed", "1")],
  [PUBLISH, 202],
  [PUBLISH, 202, { query: { delay: "10s", priority: "5" } }],
  [PUBLISH, 202, { path: { name: "broken" } }],
  [PUBLISH, 400, { headers: { "message-id": "x".repeat(300) } }],
  [PUBLISH, 404, NOBODY],
  [PUBLISH, 413, LARGE],
  [PUBLISH, 415, { headers: { "content-type": "nonsense" } }],
  [PUBLISH, 422, WAITING, replies("rejected", failed)],
  [PUBLISH, 431, { headers: { "x-tag": "x".repeat(20_000) } }],
  [PUBLISH, 500, WAITING, replies("failed", failed)],
  [PUBLISH, 502, {}, fails("refused")],
  [PUBLISH, 503, {}, fails("unavailable")],
  [PUBLISH, 504, WAITING],
  [RUN_NOW, 202],
  [RUN_NOW, 404, NOBODY],
  [RUN_NOW, 409, {}, ({ operator }) => operator.scheduled.clear()],
  [RUN_NOW, 502, {}, fails("refused")],
  [RUN_NOW, 503, {}, fails("unavailable")],
  ["GET /queues", 200],
  ["DELETE /functions/:name/queue", 200, { query: { confirm: "hello" } }],
  ["DELETE /functions/:name/queue", 400],
  ["DELETE /functions/:name/queue", 404, NOBODY],
  ["DELETE /functions/:name/queue", 409, { path: { name: "broken" } }],
  ["DELETE /functions/:name/queue", 503, { query: { confirm: "hello" } }, fails("unavailable")],
  ["DELETE /waiting/:id", 200],
  ["DELETE /waiting/:id", 404, NONE],
  ["DELETE /waiting/:id", 503, {}, fails("unavailable")],
  ["GET /scale/:name", 200],
  ["GET /scale/:name", 404, NOBODY],
  ["GET /scale/:name", 503, { path: { name: "broken" } }],
  ["GET /runs", 200, {
    query: { function: "hello", id: "m1", outcome: "failed", failed: "true", trace: "t", text: "x" },
  }],
  ["GET /runs", 200, { query: { since: "1h", until: "1", limit: "5" } }],
  ["GET /runs", 400, UNKNOWN],
  ["GET /runs/:id", 200, { path: { id: "r1" } }],
  ["GET /runs/:id", 404],
  ["GET /messages/:id/runs", 200],
  ["GET /messages/:id/events", 200, { query: { function: "hello" } }],
  ["GET /messages/:id/events", 400, { path: { id: "x".repeat(256) } }],
  ["GET /messages/:id/events", 503, {}, ({ messages }) => {
    messages.failure = new WarrenError("unavailable", "too many");
  }],
  ["GET /functions/:name/errors", 200],
  ["GET /functions/:name/history", 200],
  ["GET /functions/:name/history", 404, NOBODY],
  ["GET /logs", 200, { query: { function: "hello", limit: "1" } }],
  ["GET /logs", 200, { query: { follow: "true" } }],
  ["GET /logs", 400, { query: { limit: "many" } }],
  ["GET /ws/amqp", 404, { query: { token: "t" } }],
  ["GET /ws/amqp", 426, {}, ({ runner }) => runner.broker = { hostname: "127.0.0.1", port: 1 }],
  ["GET /ws/amqp", 503, { headers: { upgrade: "websocket" } }, ({ runner }) => {
    runner.broker = { hostname: "127.0.0.1", port: closedPort() };
  }],
  ["GET /ws/amqp", 400, { headers: { upgrade: "websocket", "sec-websocket-protocol": "other" } }, ({ runner }) => {
    runner.broker = { hostname: "127.0.0.1", port: 1 };
  }],
  [`GET ${DEAD}`, 200, { query: LISTED }],
  [`GET ${DEAD}`, 400, UNKNOWN],
  [`GET ${DEAD}`, 404, NOBODY],
  [`GET ${DEAD}`, 503, {}, boxless],
  [`DELETE ${DEAD}`, 200, { query: { ...LISTED, dryRun: "true" } }],
  [`DELETE ${DEAD}`, 202, {}, endless],
  [`DELETE ${DEAD}`, 400, UNKNOWN],
  [`DELETE ${DEAD}`, 404, NOBODY],
  [`DELETE ${DEAD}`, 503, {}, boxless],
  [`POST ${DEAD}/redrive`, 200, {
    body: JSON.stringify({ ...FILTERS, headers: { a: 1 }, limit: 1, rate: 2, dryRun: true }),
  }],
  [`POST ${DEAD}/redrive`, 202, {}, endless],
  [`POST ${DEAD}/redrive`, 400, { body: "{" }],
  [`POST ${DEAD}/redrive`, 404, NOBODY],
  [`POST ${DEAD}/redrive`, 413, LARGE],
  [`POST ${DEAD}/redrive`, 503, {}, boxless],
  [`GET ${DEAD}/:id`, 200],
  [`GET ${DEAD}/:id`, 404, NONE],
  [`GET ${DEAD}/:id`, 503, {}, boxless],
  [`PUT ${DEAD}/:id`, 200, {
    body: JSON.stringify({ body: { n: 1 }, contentType: "application/json", headers: { a: null } }),
  }],
  [`PUT ${DEAD}/:id`, 200, { body: JSON.stringify({ bodyBase64: "AAAA" }) }],
  [`PUT ${DEAD}/:id`, 400],
  [`PUT ${DEAD}/:id`, 404, { ...NONE, body: '{"body":"22"}' }],
  [`PUT ${DEAD}/:id`, 413, LARGE],
  [`PUT ${DEAD}/:id`, 415, { body: '{"body":"{"}' }],
  [`PUT ${DEAD}/:id`, 503, {}, boxless],
  [`DELETE ${DEAD}/:id`, 200],
  [`DELETE ${DEAD}/:id`, 404, NONE],
  [`DELETE ${DEAD}/:id`, 503, {}, boxless],
  ["GET /jobs/:id", 404],
  ["DELETE /jobs/:id", 404],
];

/** What has a test of its own, since it needs a socket, or many requests. */
const ELSEWHERE = [
  "GET /ws/amqp 101",
  "GET /logs 429",
  `DELETE ${DEAD} 429`,
  `POST ${DEAD}/redrive 429`,
  "GET /jobs/:id 200",
  "DELETE /jobs/:id 200",
  ...Object.entries(OPERATIONS).filter(([, { answers }]) => 408 in answers).map(([route]) => `${route} 408`),
];

function urlOf(route: string, { path, query }: Asked): string {
  const names: Record<string, string> = { name: "hello", id: "m1", ...path };
  const search = new URLSearchParams(query);
  return route.split(" ")[1].replace(/:(\w+)/g, (_, name) => names[name]) + (search.size > 0 ? `?${search}` : "");
}

async function documentOf({ ask }: Pick<Api, "ask">): Promise<Document> {
  return await (await ask("/openapi.json")).json();
}

/** A port at which nothing listens. */
function closedPort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

Deno.test("every answer is as the document says", async () => {
  const document = new ClosedDocument(await documentOf(fullApi()));
  const faults: string[] = [];
  for (const [route, status, asked = {}, before] of CASES) {
    const closing = new AbortController();
    const api = fullApi({ closing: closing.signal, patience: before === endless ? 0 : 5_000 });
    before?.(api);
    const [method] = route.split(" ");
    const response = await api.ask(urlOf(route, asked), { method, headers: asked.headers, body: asked.body });
    closing.abort();
    const type = response.headers.get("content-type")?.split(";")[0] ?? "";
    const text = await response.text();
    const body = type.endsWith("json") ? JSON.parse(text) : text;
    if (response.status !== status) faults.push(`${route}: expected ${status}, found ${response.status} ${text}`);
    faults.push(...document.faults(route, response.status, type, body).map((fault) => `${route} ${status}: ${fault}`));
  }
  assertEquals(faults, []);
});

Deno.test("every status that is described is one that some request gets", () => {
  const got = new Set([...CASES.map(([route, status]) => `${route} ${status}`), ...ELSEWHERE]);
  const described = Object.entries(OPERATIONS).flatMap(([route, { answers }]) =>
    Object.keys(answers).map((status) => `${route} ${status}`)
  );
  assertEquals(described.filter((one) => !got.has(one)), []);
});

Deno.test("every parameter and every member of a body that is described is one that some request has", () => {
  const unused = Object.entries(OPERATIONS).flatMap(([route, { parameters = [], body }]) => {
    const requests = CASES.filter(([of, status]) => of === route && status < 300).map(([, , asked = {}]) => asked);
    const given = new Set(requests.flatMap(({ query = {}, headers = {} }) => Object.keys({ ...query, ...headers })));
    const members = new Set(requests.flatMap(({ body = "{}" }) => Object.keys(JSON.parse(body))));
    const described = Object.keys(body?.content["application/json"]?.properties ?? {});
    return [
      ...parameters.filter((it) => it.in !== "path" && !given.has(it.name)).map(({ name }) => `${route} ${name}`),
      ...described.filter((name) => !members.has(name)).map((name) => `${route} body.${name}`),
    ];
  });
  assertEquals(unused, ["GET /ws/amqp token"]);
});

Deno.test("a job is as the document says, while it runs and when it is stopped; so is the answer that there are too many", async () => {
  const api = fullApi({ patience: 0 });
  endless(api);
  const document = new ClosedDocument(await documentOf(api));
  const check = async (route: string, url: string, status: number) => {
    const response = await api.ask(url, { method: route.split(" ")[0] });
    const type = response.headers.get("content-type")!;
    assertEquals(response.status, status, route);
    const body = await response.json();
    assertEquals(document.faults(route, status, type.split(";")[0], body), [], route);
    return body;
  };
  const ids: string[] = [];
  for (let count = 0; count < 16; count++) ids.push((await check(`DELETE ${DEAD}`, "/functions/hello/dead", 202)).id);
  await check(`DELETE ${DEAD}`, "/functions/hello/dead", 429);
  await check(`POST ${DEAD}/redrive`, "/functions/hello/dead/redrive", 429);
  assertEquals((await check("GET /jobs/:id", `/jobs/${ids[0]}`, 200)).state, "running");
  for (const id of ids) assertEquals((await check("DELETE /jobs/:id", `/jobs/${id}`, 200)).state, "stopped");
});
