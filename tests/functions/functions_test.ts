import { fileURLToPath } from "node:url";
import { assert, assertEquals } from "@std/assert";
import type { Outcome } from "../../lib/invocation/outcome.ts";
import { loadFunctions } from "../../lib/loader/loader.ts";
import { Logger } from "../../lib/log.ts";
import { ProcessSandbox } from "../../lib/sandbox/process_sandbox.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const CONFIG = `${ROOT}deno.json`;
const { functions } = await loadFunctions(`${ROOT}functions`, { config: CONFIG });

/** Runs a shipped function once, in its own process as the runner does. */
async function run(name: string, body: string, contentType: string) {
  const loaded = functions.find((candidate) => candidate.name === name);
  assert(loaded && "definition" in loaded, `${name} loads`);
  const lines: string[] = [];
  const sandbox = new ProcessSandbox({
    definition: loaded.definition,
    sources: loaded.sources,
    folder: await Deno.makeTempDir({ prefix: "warren-functions-" }),
    configFile: CONFIG,
    log: new Logger({ format: "json", write: (line) => void lines.push(JSON.parse(line).message) }),
  });
  try {
    const outcome: Outcome = await sandbox.invoke({
      body: new TextEncoder().encode(body),
      properties: { contentType },
      headers: {},
      exchange: "",
      routingKey: loaded.definition.queue.name,
      redelivered: false,
      attempt: 1,
      wantsResult: false,
    });
    return { outcome, lines };
  } finally {
    await sandbox.close();
  }
}

Deno.test("every function that ships loads", () => {
  const names = functions.map(({ name }) => name);
  for (const shipped of ["hello", "orders.created", "resize"]) {
    assert(names.includes(shipped), `${shipped} of ${names}`);
  }
  assertEquals(functions.filter((loaded) => "error" in loaded), []);
});

Deno.test("hello works for the seconds that it is told, and says so", async () => {
  const { outcome, lines } = await run("hello", "0", "text/plain");
  assertEquals(outcome, { kind: "completed" });
  assert(lines.includes('received "0"'));
});

Deno.test("orders.created tells hello what to do next", async () => {
  const { outcome } = await run("orders.created", '{"id":"7","email":"a@b.example"}', "application/json");
  assert(outcome.kind === "completed");
  assertEquals(outcome.outputs?.map(({ exchange, routingKey }) => [exchange, routingKey]), [["", "hello"]]);
});

Deno.test("resize does what makes sense and rejects what does not", async () => {
  const good = await run("resize", '{"path":"a.png","width":100}', "application/json");
  assertEquals(good.outcome, { kind: "completed" });
  const bad = await run("resize", '{"path":"a.png","width":-1}', "application/json");
  assertEquals(bad.outcome.kind, "rejected");
});
