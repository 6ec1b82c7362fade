import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import type { ModuleGraph } from "../../lib/loader/graph.ts";
import { fetchRemote, refuseUncached } from "../../lib/loader/remote.ts";
import { Logger } from "../../lib/base/log.ts";
import { folder } from "./folder.ts";

Deno.test("what cannot be fetched is told in one line, in Deno's words and without its stack", async () => {
  // A port that nobody listens on.
  const remote = "http://127.0.0.1:1/module.ts";
  await using files = await folder({ "wanting.ts": `import "${remote}";` });
  const lines: { level: string; message: string }[] = [];
  const log = new Logger({ level: "debug", write: (line) => lines.push(JSON.parse(line)) });
  const graph = { remote: [remote] } as unknown as ModuleGraph;

  await fetchRemote(new Map([[`${files.path}/wanting.ts`, graph]]), { config: undefined, log });

  assertEquals(lines.map(({ level }) => level), ["warn"]);
  const [{ message }] = lines;
  assertStringIncludes(message, "127.0.0.1:1");
  assertStringIncludes(message, "wanting.ts:1:8");
  assert(!/\n|backtrace|error: /i.test(message), message);
});

Deno.test("a function that imports what is not in the cache is an error with its place, and its neighbours are fine", async () => {
  const remote = "http://127.0.0.1:1/module.ts";
  await using files = await folder({
    "wanting.ts": `import "${remote}";`,
    "fine.ts": 'import "npm:hono@4.13.19";',
    "broken.ts": "export default {",
  });
  const graph = (remote: string[], errors: string[] = []) => ({ remote, errors }) as unknown as ModuleGraph;
  const graphs = new Map([
    [`${files.path}/wanting.ts`, graph([remote])],
    [`${files.path}/fine.ts`, graph(["npm:/hono@4.13.19"])],
    [`${files.path}/broken.ts`, graph([remote], ["a syntax error"])],
  ]);

  await refuseUncached(graphs, { config: undefined });

  const [[wanting, ...more], fine, broken] = [...graphs.values()].map(({ errors }) => errors);
  assertEquals([more, fine, broken], [[], [], ["a syntax error"]]);
  assertMatch(
    wanting,
    /^\S*wanting\.ts: what it imports is not in Deno's cache: .*127\.0\.0\.1:1.* with "deno cache"$/,
  );
  assertStringIncludes(wanting, "wanting.ts:1:8");
  assert(!/\n|backtrace|error: |cached-only/i.test(wanting), wanting);
});
