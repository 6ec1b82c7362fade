import { assertEquals } from "@std/assert";

const SPANS = new URL("../../../lib/invocation/tracing/spans.ts", import.meta.url).href;
const NOWHERE = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:1" };

/** Whether there are spans in a process with these variables. */
async function areOn(env: Record<string, string>): Promise<boolean> {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", `import { Spans } from "${SPANS}"; console.log(Spans.open() !== undefined); Deno.exit();`],
    env: { ...NOWHERE, ...env, NO_COLOR: "1" },
    stderr: "inherit",
  }).output();
  return new TextDecoder().decode(stdout).trim() === "true";
}

Deno.test("there are spans with OTEL_DENO=true, unless another variable turns them off", async () => {
  const on = { OTEL_DENO: "true", OTEL_DENO_CONSOLE: "ignore" };
  const variables = [{}, on, { ...on, OTEL_SDK_DISABLED: "true" }, { ...on, OTEL_TRACES_EXPORTER: "none" }];
  assertEquals(await Promise.all(variables.map(areOn)), [false, true, false, false]);
});
