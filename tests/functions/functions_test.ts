import { fileURLToPath } from "node:url";
import { assert, assertEquals } from "@std/assert";
import type { Outcome } from "../../lib/invocation/outcome.ts";
import { loadFunctions } from "../../lib/loader/loader.ts";
import { Logger } from "../../lib/base/log.ts";
import { ProcessSandbox } from "../../lib/sandbox/host/process_sandbox.ts";
import { folder } from "../loader/folder.ts";
import { invoked } from "../support/invoked.ts";
import { anInvocation } from "../support/invocation.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const CONFIG = `${ROOT}deno.json`;
/** The functions that ship. Others in the folder are whoever's checkout this is. */
const SHIPPED = ["hello", "orders.created", "resize"];
const fileOf = (name: string) => `${name.replaceAll(".", "/")}.ts`;

const shipped = await folder(
  Object.fromEntries(
    await Promise.all(
      SHIPPED.map(fileOf).map(async (file) => [file, await Deno.readTextFile(`${ROOT}functions/${file}`)]),
    ),
  ),
);
globalThis.addEventListener("unload", () => Deno.removeSync(shipped.path, { recursive: true }));
const { functions } = await loadFunctions(shipped.path, { config: CONFIG });

/** Runs a shipped function once for each body, at the same time, in its own process as the runner does. */
async function runAll(name: string, bodies: string[], contentType: string) {
  const loaded = functions.find((candidate) => candidate.name === name);
  assert(loaded && "definition" in loaded, `${name} loads`);
  const lines: string[] = [];
  /** The bodies in the order in which they were done. */
  const order: string[] = [];
  await using sockets = await folder();
  const sandbox = new ProcessSandbox({
    definition: loaded.definition,
    sources: loaded.sources,
    folder: sockets.path,
    resolution: { config: CONFIG, files: new Map() },
    log: new Logger({ format: "json", write: (line) => void lines.push(JSON.parse(line).message) }),
  });
  const invoke = async (body: string): Promise<Outcome> => {
    const given = { body: new TextEncoder().encode(body), properties: { contentType } };
    const outcome = await invoked(sandbox, anInvocation({ ...given, routingKey: loaded.definition.queue.name }));
    order.push(body);
    return outcome;
  };
  try {
    return { outcomes: await Promise.all(bodies.map(invoke)), lines, order };
  } finally {
    await sandbox.close();
  }
}

async function run(name: string, body: string, contentType: string) {
  const { outcomes: [outcome], lines } = await runAll(name, [body], contentType);
  return { outcome, lines };
}

Deno.test("every function that ships loads", () => {
  assertEquals(functions.map(({ name }) => name), SHIPPED);
  assertEquals(functions.filter((loaded) => "error" in loaded), []);
});

Deno.test("hello says what it received and that it is done, as the tutorial's worker does", async () => {
  const { outcome, lines } = await run("hello", "0", "text/plain");
  assertEquals([outcome, lines], [{ kind: "completed" }, [" [x] Received '0'", " [x] Done"]]);
});

Deno.test("hello does ten messages without a dot at once, while one with a dot sleeps", async () => {
  const ten = await runAll("hello", [".", ...Array.from({ length: 9 }, (_, n) => String(n))], "text/plain");
  assertEquals(ten.lines.length, 20);
  // The one that sleeps is the last to be done, though it was the first to come.
  assertEquals([ten.lines[0], ten.lines.at(-1), ten.order.at(-1)], [" [x] Received '.'", " [x] Done", "."]);
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
