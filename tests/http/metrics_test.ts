import { assertEquals } from "@std/assert";
import { createApp } from "../../lib/http/app.ts";
import type { MetricsView } from "../../lib/http/metrics.ts";
import { FakeOperator } from "./fake_operator.ts";
import { FakeRunner } from "./fake_runner.ts";

const METRICS: MetricsView = {
  exposition: (accept) =>
    Promise.resolve({ text: `warren_running 1 ${accept ?? ""}\n`, contentType: "text/plain; version=0.0.4" }),
};

function get(
  metrics: MetricsView | undefined,
  headers: Record<string, string> = {},
  token?: string,
): Promise<Response> {
  const app = createApp(new FakeRunner(), new FakeOperator(), {
    token,
    readToken: token && "r",
    maxBody: 100,
    host: "127.0.0.1",
    metrics,
  });
  return Promise.resolve(app.request("http://127.0.0.1/metrics", { headers }));
}

Deno.test("/metrics has the text and its content type, in the format that the client accepts", async () => {
  const response = await get(METRICS, { accept: "application/openmetrics-text" });
  assertEquals([response.status, response.headers.get("content-type")], [200, "text/plain; version=0.0.4"]);
  assertEquals(await response.text(), "warren_running 1 application/openmetrics-text\n");
});

Deno.test("/metrics needs a token where there is one, and the read token is enough", async () => {
  const statusWith = async (authorization?: string) =>
    (await get(METRICS, authorization === undefined ? {} : { authorization }, "w")).status;
  assertEquals([await statusWith(), await statusWith("Bearer x")], [401, 401]);
  assertEquals([await statusWith("Bearer r"), await statusWith("Bearer w")], [200, 200]);
});

Deno.test("/metrics is not there where metrics are turned off", async () => {
  assertEquals((await get(undefined)).status, 404);
});
