import { assertEquals } from "@std/assert";
import { routeWarnings } from "../../../lib/cli/check/route_warnings.ts";
import { resolveFunctionConfig } from "../../../lib/invocation/definition/function_config.ts";

function warnings(configs: Record<string, Record<string, unknown>>): string[] {
  const definitions = Object.entries(configs).map(([name, config]) =>
    resolveFunctionConfig(config, { name, file: `/functions/${name}.ts`, version: "1" })
  );
  return routeWarnings(definitions).map(({ function: name, text }) => `${name}: ${text}`);
}

Deno.test("a queue that is almost a function's is a warning with the right name", () => {
  assertEquals(warnings({ resize: { queue: "images" }, upload: { output: "imgaes", publish: ["images", "resise"] } }), [
    'upload: output names the queue "imgaes"; did you mean "images"?',
  ]);
});

Deno.test("so is one that is to get dead letters", () => {
  assertEquals(warnings({ alerts: {}, pay: { onDead: "alert" }, ship: { onDead: "alerts" } }), [
    'pay: onDead names the queue "alert"; did you mean "alerts"?',
  ]);
});

Deno.test("names that are like no other, wildcards and dead letters are fine", () => {
  assertEquals(warnings({ a: { publish: ["elsewhere", "images.*", "b.dead"] }, b: { output: "a" } }), []);
  assertEquals(warnings({}), []);
});

Deno.test("an exchange that is almost one of a binding is a warning", () => {
  const bindings = [{ exchange: "pictures", routingKey: "#" }];
  assertEquals(warnings({ a: { bindings }, b: { publish: ["picturs/new", "pictures/#"] } }), [
    'b: publish[0] names the exchange "picturs"; did you mean "pictures"?',
  ]);
});
