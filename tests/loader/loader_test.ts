import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { type LoadedFunction, loadFunctions } from "../../lib/loader/loader.ts";
import { Logger } from "../../lib/base/log.ts";
import { folder } from "./folder.ts";

const HANDLER = "export default () => {};\n";
const MAP = JSON.stringify({ imports: { tool: "./_tool.ts" } });

function byName(functions: LoadedFunction[]): Record<string, LoadedFunction> {
  return Object.fromEntries(functions.map((loaded) => [loaded.name, loaded]));
}

function errorOf(loaded: LoadedFunction): string {
  assert("error" in loaded, `${loaded.name} is not broken`);
  return loaded.error;
}

function definitionOf(loaded: LoadedFunction) {
  assert("definition" in loaded, "error" in loaded ? loaded.error : "");
  return loaded.definition;
}

Deno.test("loadFunctions() gives definitions, and the texts of each function's local modules", async () => {
  const text = `import { b } from "./_b.ts";\nimport { tool } from "tool";\nimport type { T } from "./_types.ts";\n` +
    `export const config = { timeout: "5s" };\nexport default () => [b, tool] as T;\n`;
  await using dir = await folder({
    "a.ts": text,
    "_b.ts": 'import data from "./_c.json" with { type: "json" };\nexport const b = data;\n',
    "_c.json": "{}",
    "_tool.ts": "export const tool = 1;\n",
    "_types.ts": "export type T = unknown;\n",
    "sub/off.ts": `export const config = { enabled: false };\n${HANDLER}`,
    "deno.json": MAP,
  });
  const { functions, files } = await loadFunctions(dir.path, { config: `${dir.path}/deno.json` });
  assertEquals(functions.map(({ name }) => name), ["a", "sub.off"]);
  const [a, off] = functions;
  assert("sources" in a, "error" in a ? a.error : "");
  assertEquals(
    [...a.sources.keys()],
    ["a.ts", "_b.ts", "_tool.ts", "_c.json"].map((name) => `${dir.path}/${name}`),
  );
  assertEquals(a.sources.get(`${dir.path}/a.ts`), text);
  assertEquals(a.definition.timeout, 5_000);
  assert(/^[0-9a-f]{16}$/.test(a.definition.version));
  assertEquals(definitionOf(off).enabled, false);
  assert(files.includes(`${dir.path}/_c.json`) && !files.includes(`${dir.path}/_types.ts`));
});

Deno.test("the version changes with a module that a function imports, and only then", async () => {
  await using dir = await folder({
    "a.ts": `import "./_b.ts";\n${HANDLER}`,
    "_b.ts": "export {};",
    "c.ts": HANDLER,
  });
  const versions = async () => (await loadFunctions(dir.path)).functions.map((loaded) => definitionOf(loaded).version);
  const before = await versions();
  assertEquals(await versions(), before);
  await dir.write({ "_b.ts": "export const changed = true;" });
  const after = await versions();
  assert(after[0] !== before[0]);
  assertEquals(after[1], before[1]);
});

Deno.test("the version changes with each byte of a module that is no text", async () => {
  await using dir = await folder({ "a.ts": `import "./_add.wasm";\n${HANDLER}` });
  const versions: string[] = [];
  for (const byte of [0x80, 0x81, 0x80]) {
    // Nothing but a section named "x" with this byte.
    const module = new Uint8Array([0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 0, 3, 1, 0x78, byte]);
    await Deno.writeFile(`${dir.path}/_add.wasm`, module);
    const [loaded] = (await loadFunctions(dir.path)).functions;
    assert("sources" in loaded, "error" in loaded ? loaded.error : "");
    assertEquals(loaded.sources.get(`${dir.path}/_add.wasm`), module);
    versions.push(loaded.definition.version);
  }
  assertEquals([versions[0] === versions[1], versions[0] === versions[2]], [false, true]);
});

Deno.test("a broken function is broken alone, with the place of what is wrong", async () => {
  await using dir = await folder({
    "good.ts": HANDLER,
    "syntax.ts": "let x = ;",
    "key.ts": `export const config = { concurency: 1 };\n${HANDLER}`,
    "missing.ts": `import "./_gone.ts";\n${HANDLER}`,
    "bare.ts": `${HANDLER}import "no-such-thing";\n`,
    "deep.ts": `import "./_bad.ts";\n${HANDLER}`,
    "_bad.ts": "\nconst a = ;\n",
    "later.ts": 'export default () => import("./_gone.ts");',
  });
  const { functions, files } = await loadFunctions(dir.path);
  const all = byName(functions);
  definitionOf(all.good);
  definitionOf(all.later);
  assertStringIncludes(errorOf(all.syntax), "/syntax.ts:1:9: syntax error");
  assertStringIncludes(errorOf(all.key), '/key.ts: unknown key "concurency" in config, did you mean "concurrency"?');
  assertEquals(
    errorOf(all.missing),
    `${dir.path}/missing.ts:1:8: Module not found "${dir.path}/_gone.ts".`,
  );
  assertStringIncludes(errorOf(all.bare), `${dir.path}/bare.ts:2:8: Import "no-such-thing" not a dependency`);
  assertStringIncludes(errorOf(all.deep), `${dir.path}/_bad.ts:2:11: syntax error: Expression expected`);
  assertStringIncludes(errorOf(all.deep), `imported at ${dir.path}/deep.ts:1:8`);
  assert(files.includes(`${dir.path}/_gone.ts`) && files.includes(`${dir.path}/_bad.ts`));
});

Deno.test("of two functions on one queue the later is broken, a disabled one takes none", async () => {
  const on = (queue: string, more = "") => `export const config = { queue: "${queue}"${more} };\n${HANDLER}`;
  await using dir = await folder({
    "a.ts": on("work"),
    "b.ts": on("work"),
    "c.ts": on("work", ", enabled: false"),
    "d.ts": on("work.dead"),
    "z.ts": on("other"),
  });
  const all = byName((await loadFunctions(dir.path)).functions);
  definitionOf(all.a);
  definitionOf(all.c);
  definitionOf(all.z);
  assertStringIncludes(errorOf(all.b), 'queue "work" belongs to function "a" already');
  assertStringIncludes(errorOf(all.d), 'queue "work.dead" belongs to function "a" already');
});

Deno.test("two functions cannot have one path over HTTP", async () => {
  const http = (path: string) => `export const config = { http: { path: "${path}" } };\nexport default () => {};`;
  await using dir = await folder({ "a.ts": http("/hooks/a"), "b.ts": http("/hooks/a"), "c.ts": http("/hooks/c") });
  const { functions } = await loadFunctions(dir.path);
  assertEquals(functions.map((loaded) => "error" in loaded ? loaded.error.replace(/.*: /, "") : loaded.name), [
    "a",
    'http.path "/hooks/a" belongs to function "a" already',
    "c",
  ]);
});

Deno.test("where deno info fails, that is a warning, and functions stand for themselves", async () => {
  await using dir = await folder({ "a.ts": `import "./_gone.ts";\n${HANDLER}`, "deno.json": "{ not json" });
  const lines: string[] = [];
  const log = new Logger({ write: (line) => lines.push(line) });
  const { functions } = await loadFunctions(dir.path, { config: `${dir.path}/deno.json`, log });
  const [a] = functions;
  assert("sources" in a);
  assertEquals([...a.sources.keys()], [`${dir.path}/a.ts`]);
  assertStringIncludes(lines.join(), "imports were not checked");
});

Deno.test("nothing of a function is run, and names in need of escaping are read", async () => {
  await using dir = await folder({ "it's #1 %/a.ts": "" });
  const inner = `${dir.path}/it's #1 %`;
  const mark = `${dir.path}/ran`;
  await Deno.writeTextFile(`${inner}/a.ts`, `Deno.writeTextFileSync(${JSON.stringify(mark)}, "");\n${HANDLER}`);
  definitionOf((await loadFunctions(inner)).functions[0]);
  const ran = await Deno.stat(mark).then(() => true, () => false);
  assertEquals(ran, false);
});

Deno.test("an empty folder has no functions and asks nobody", async () => {
  await using dir = await folder();
  assertEquals(await loadFunctions(dir.path), { functions: [], files: [] });
});
