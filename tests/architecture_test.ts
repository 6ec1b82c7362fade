import { assert, assertEquals } from "@std/assert";
import { readModuleGraph } from "./support/module_graph.ts";

const ROOT = new URL("../", import.meta.url);
/** Leaves: what every room may use. */
const BASE = ["base", "settings", "mod"];
const CORE = ["invocation", ...BASE];
const SIBLINGS = ["http", "amqp", "loader", "sandbox", "once"];

/** What a room may import beside itself; `main` stands above them all. */
const MAY_IMPORT: Record<string, string[]> = {
  main: ["cli", "runner", "hosting", ...SIBLINGS, ...CORE],
  testing: ["testkit", "dry_run"],
  // Two nouns of one name: the module that is imported, and the folder with its parts.
  client: ["amqp", ...CORE],
  testkit: ["dry_run", "runner", ...SIBLINGS, ...CORE],
  cli: ["runner", "hosting", "broker", "serving", "dry_run", ...SIBLINGS, ...CORE],
  dry_run: ["sandbox", "once", ...CORE],
  runner: ["serving", "telemetry", "hosting", "console", ...SIBLINGS, ...CORE],
  hosting: ["amqp", "sandbox", ...BASE],
  telemetry: CORE,
  serving: ["amqp", "sandbox", ...CORE],
  // The pages stand on the routes of the API, and share their jobs.
  console: ["http", ...CORE],
  ...Object.fromEntries(SIBLINGS.map((sibling) => [sibling, CORE])),
  // An island: everybody else reaches it by URL. `cli` runs it alone; `hosting` starts `hosted.ts` as a process.
  broker: ["base"],
  invocation: BASE,
  mod: ["invocation"],
  settings: ["base", "mod"],
  base: ["mod"],
};

/** A folder with more files has rooms of its own. */
const MOST_FILES = 14;

/** A foreign library and the one room that may import it; two where one makes pages for the other. */
const LIBRARIES: Record<string, string | string[]> = {
  "hono": ["http", "console"],
  "htmx.org": "console",
  "htmx-ext-sse": "console",
  "uplot": "console",
  "@cloudamqp/amqp-client": "amqp",
  "@babel/parser": "loader",
  "croner": "invocation",
  "@redis/client": "once",
  "prom-client": "telemetry",
  "@opentelemetry/api": "telemetry",
};

/** `lib/http/app.ts` is in `http`, `lib/mod.ts` is `mod`, `main.ts` is `main`; other files are in none. */
function roomOf(path: string): string | undefined {
  if (path === "main.ts") return "main";
  const [, folder, file] = path.match(/^lib\/(?:([^/]+)\/.*|([^/]+)\.ts)$/) ?? [];
  return folder ?? file;
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

Deno.test(`no folder of lib/ has more than ${MOST_FILES} files`, () => {
  const counts = new Map<string, number>();
  for (const path of graph.keys()) {
    const folder = path.slice(0, path.lastIndexOf("/"));
    if (folder.startsWith("lib")) counts.set(folder, (counts.get(folder) ?? 0) + 1);
  }
  assertEquals([...counts].filter(([, count]) => count > MOST_FILES), []);
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
      if (library && ![LIBRARIES[library]].flat().includes(roomOf(path)!)) wrong.push(`${path} imports ${library}`);
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
