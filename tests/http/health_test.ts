import { assertEquals } from "@std/assert";
import { createApp } from "../../lib/http/app.ts";
import { Logger } from "../../lib/base/log.ts";
import { FakeOperator } from "./fake_operator.ts";
import { fakeApi, FakeRunner } from "./fake_runner.ts";

const READY = { ready: true, checks: [{ name: "runner", ok: true }] };
const NOT_READY = { ready: false, checks: [{ name: "broker: consuming", ok: false, detail: "connection refused" }] };

Deno.test("GET /healthz is 200 even when nothing is ready", async () => {
  const { ask, runner } = fakeApi();
  runner.readiness = NOT_READY;
  const response = await ask("/healthz");
  assertEquals([response.status, await response.text()], [200, "ok\n"]);
});

Deno.test("GET /readyz is 200 when ready and 503 when not", async () => {
  const { ask, runner } = fakeApi();
  const ready = await ask("/readyz");
  assertEquals([ready.status, await ready.text()], [200, "ready\n"]);
  runner.readiness = NOT_READY;
  const not = await ask("/readyz");
  assertEquals([not.status, await not.text()], [503, "not ready\n"]);
});

Deno.test("GET /readyz gives its checks to ?verbose and to who accepts JSON", async () => {
  const { ask, runner } = fakeApi();
  runner.readiness = NOT_READY;
  const verbose = await ask("/readyz?verbose");
  assertEquals([verbose.status, await verbose.json()], [503, NOT_READY]);
  const accepting = await ask("/readyz", { headers: { accept: "application/json" } });
  assertEquals([accepting.status, await accepting.json()], [503, NOT_READY]);
});

Deno.test("where there is a token, GET /readyz?verbose gives details to who has it alone", async () => {
  const { ask, runner } = fakeApi({ token: "s3cret" });
  runner.readiness = NOT_READY;
  const open = await ask("/readyz?verbose");
  assertEquals([open.status, await open.json()], [503, {
    ready: false,
    checks: [{ name: "broker: consuming", ok: false }],
  }]);
  const wrong = await ask("/readyz?verbose", { headers: { authorization: "Bearer secret" } });
  assertEquals((await wrong.json()).checks, [{ name: "broker: consuming", ok: false }]);
  const trusted = await ask("/readyz?verbose", { headers: { authorization: "Bearer s3cret" } });
  assertEquals(await trusted.json(), NOT_READY);
});

Deno.test("GET /readyz says in the log when its answer changes, and only then", async () => {
  const lines: string[] = [];
  const runner = new FakeRunner();
  const log = new Logger({ write: (line) => void lines.push(JSON.parse(line).message) });
  const app = createApp(runner, new FakeOperator(), { token: undefined, maxBody: 100, host: "127.0.0.1", log });
  for (const readiness of [NOT_READY, NOT_READY, READY, READY, NOT_READY]) {
    runner.readiness = readiness;
    await app.request("http://localhost:8000/readyz");
  }
  const not = "not ready: broker: consuming (connection refused)";
  assertEquals(lines, [not, "ready", not]);
});

Deno.test("HEAD is GET without a body", async () => {
  const response = await fakeApi().ask("/readyz", { method: "HEAD" });
  assertEquals([response.status, await response.text()], [200, ""]);
});
