import { assertEquals } from "@std/assert";
import { exportsMetrics } from "../../../lib/telemetry/metrics/otlp.ts";

const CASES: [Record<string, string>, boolean][] = [
  [{}, false],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318" }, false],
  [{ OTEL_DENO: "false" }, false],
  [{ OTEL_DENO: "true" }, true],
  [{ OTEL_DENO: "1" }, true],
  [{ OTEL_DENO: "true", OTEL_SDK_DISABLED: "true" }, false],
  [{ OTEL_DENO: "true", OTEL_METRICS_EXPORTER: "none" }, false],
  [{ OTEL_DENO: "true", OTEL_METRICS_EXPORTER: "otlp" }, true],
];

for (const [env, expected] of CASES) {
  Deno.test(`with ${JSON.stringify(env)} metrics ${expected ? "leave" : "do not leave"} by OTLP`, () => {
    assertEquals(exportsMetrics((name) => env[name]), expected);
  });
}
