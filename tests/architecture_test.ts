import { assert, assertEquals } from "@std/assert";
import { readModuleGraph } from "./support/module_graph.ts";

const ROOT = new URL("../", import.meta.url);
const LEAVES = [
  "backoff",
  "below",
  "byte_size",
  "bytes",
  "ceiling",
  "config",
  "duration",
  "errors",
  "holding",
  "log",
  "loopback",
  "mod",
  "nearest",
  "once_address",
  "once_store",
  "options",
  "queue_type",
  "secret_url",
  "timers",
  "short_string",
  "turns",
  "utf8",
  "within",
];
const CORE = ["invocation", ...LEAVES];
const SIBLINGS = ["http", "amqp", "loader", "sandbox", "once"];

/** What a room may import beside itself; `main` stands above them all. */
const MAY_IMPORT: Record<string, string[]> = {
  main: ["cli", "runner", ...SIBLINGS, ...CORE],
  cli: ["runner", "broker", ...SIBLINGS, ...CORE],
  runner: ["serving", ...SIBLINGS, ...CORE],
  serving: ["amqp", "sandbox", ...CORE],
  ...Object.fromEntries(SIBLINGS.map((sibling) => [sibling, CORE])),
  // An island: everybody else reaches it by URL. `cli` runs it alone; the runner starts `hosted.ts` as a process.
  broker: ["errors", "log", "loopback", "short_string", "turns", "utf8", "within"],
  invocation: LEAVES,
  ...Object.fromEntries(LEAVES.map((leaf) => [leaf, LEAVES])),
};

/** A foreign library and the one room that may import it. */
const LIBRARIES: Record<string, string> = {
  "hono": "http",
  "@cloudamqp/amqp-client": "amqp",
  "@babel/parser": "loader",
  "croner": "invocation",
  "@redis/client": "once",
};

/** Single files of lib/ that belong to a room of another name. */
const ROOM_OF_FILE: Record<string, string> = {
  "function_registry": "runner",
  "function_requests": "runner",
  "function_view": "runner",
  "functions_folder": "runner",
  "http_view": "runner",
  "runner_broker": "runner",
  "broker_child": "runner",
  "broker_host": "runner",
  "broker_process": "runner",
};

/** `lib/http/app.ts` is in `http`, `lib/log.ts` is the leaf `log`, `main.ts` is `main`; other files are in none. */
function roomOf(path: string): string | undefined {
  if (path === "main.ts") return "main";
  const [, folder, file] = path.match(/^lib\/(?:([^/]+)\/.*|([^/]+)\.ts)$/) ?? [];
  return folder ?? (file && (ROOM_OF_FILE[file] ?? file));
}

/** `npm:/hono@4.13.19/cors` is `hono`. */
function libraryOf(specifier: string): string | undefined {
  return specifier.match(/^(?:npm|jsr):\/?((?:@[^/]+\/)?[^@/]+)/)?.[1];
}

const graph = await readModuleGraph(ROOT);

Deno.test("every file of lib/ is in a room that the architecture knows", () => {
  const strangers = [...graph.keys()].filter((path) => path.startsWith("lib/") && !(roomOf(path)! in MAY_IMPORT));
  assert(graph.size > 20, "the module graph is empty");
  assertEquals(strangers, []);
});

Deno.test("imports point down only, and siblings do not import each other", () => {
  const wrong: string[] = [];
  for (const [path, imports] of graph) {
    const room = roomOf(path);
    for (const imported of imports) {
      const target = roomOf(imported);
      if (!room || !target || room === target || MAY_IMPORT[room]?.includes(target)) continue;
      wrong.push(`${path} (${room}) imports ${imported} (${target})`);
    }
  }
  assertEquals(wrong, []);
});

Deno.test("one foreign library is in one folder, and no other is there", () => {
  const wrong: string[] = [];
  for (const [path, imports] of graph) {
    for (const imported of imports) {
      const library = libraryOf(imported);
      if (library && LIBRARIES[library] !== roomOf(path)) wrong.push(`${path} imports ${library}`);
    }
  }
  assertEquals(wrong, []);
});

Deno.test("the host imports nothing of functions/, tests/ or bench/", () => {
  const wrong: string[] = [];
  for (const [path, imports] of graph) {
    for (const imported of imports) {
      if (/^(functions|tests|bench)\//.test(imported)) wrong.push(`${path} imports ${imported}`);
    }
  }
  assertEquals(wrong, []);
});

Deno.test("no module imports itself by way of others, types counted", () => {
  assertEquals(findCycle(), undefined);
});

/** The first cycle, as the files along it. */
function findCycle(): string[] | undefined {
  const done = new Set<string>();
  const visit = (path: string, trail: string[]): string[] | undefined => {
    if (trail.includes(path)) return [...trail.slice(trail.indexOf(path)), path];
    if (done.has(path)) return undefined;
    for (const imported of graph.get(path) ?? []) {
      const cycle = visit(imported, [...trail, path]);
      if (cycle) return cycle;
    }
    done.add(path);
  };
  for (const path of graph.keys()) {
    const cycle = visit(path, []);
    if (cycle) return cycle;
  }
}
