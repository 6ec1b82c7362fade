import { assertEquals } from "@std/assert";
import { TRACING_SECRETS } from "../../../lib/base/tracing_secrets.ts";
import { tracingVariables } from "../../../lib/sandbox/process/tracing_variables.ts";
import { isSecretVariable } from "../../../lib/settings/options.ts";

const OTEL = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318", OTEL_EXPORTER_OTLP_HEADERS: "key=secret" };

Deno.test("a function's process traces as its runner does, and its resource names the function", () => {
  const env = { ...OTEL, OTEL_DENO: "true", OTEL_RESOURCE_ATTRIBUTES: "team=a", PATH: "/bin" };
  assertEquals(tracingVariables("orders.created, v2", env), {
    ...OTEL,
    OTEL_DENO: "true",
    OTEL_TRACES_SAMPLER: "parentbased_always_on",
    OTEL_RESOURCE_ATTRIBUTES: "team=a,faas.name=orders.created%2C%20v2",
  });
});

Deno.test("the sampler that you chose is that of the functions", () => {
  const { OTEL_TRACES_SAMPLER: sampler } = tracingVariables("f", { OTEL_DENO: "1", OTEL_TRACES_SAMPLER: "always_off" });
  assertEquals(sampler, "always_off");
});

Deno.test("without tracing, a function's process gets no variable for it", () => {
  assertEquals(tracingVariables("f", OTEL), {});
  assertEquals(tracingVariables("f", { ...OTEL, OTEL_DENO: "false" }), {});
});

Deno.test("what may contain a key is a secret of the runner's", () => {
  assertEquals(TRACING_SECRETS.every(isSecretVariable), true);
  assertEquals(isSecretVariable("OTEL_EXPORTER_OTLP_HEADERS"), true);
  assertEquals(isSecretVariable("OTEL_EXPORTER_OTLP_TRACES_HEADERS"), true);
  assertEquals(isSecretVariable("OTEL_EXPORTER_OTLP_ENDPOINT"), false);
});
