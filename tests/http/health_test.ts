import { assertEquals } from "@std/assert";
import { fakeApi } from "./fake_runner.ts";

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

Deno.test("HEAD is GET without a body", async () => {
  const response = await fakeApi().ask("/readyz", { method: "HEAD" });
  assertEquals([response.status, await response.text()], [200, ""]);
});
