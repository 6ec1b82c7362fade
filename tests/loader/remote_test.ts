import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { ModuleGraph } from "../../lib/loader/graph.ts";
import { fetchRemote } from "../../lib/loader/remote.ts";
import { Logger } from "../../lib/log.ts";
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
