import { assertEquals } from "@std/assert";
import { checkedOut } from "../../../lib/sandbox/process/entry.ts";
import { folder } from "../../loader/folder.ts";

const NO_TEXT = new Uint8Array([0, 0xff, 0x80, 0xfe]);

Deno.test("a version whose files are as they were runs where it is, and says which of them are links", async () => {
  await using dir = await folder({ "..data/f.js": "1", "_helper.js": "2" });
  await Deno.symlink("..data/f.js", `${dir.path}/f.js`);
  await Deno.writeFile(`${dir.path}/_add.wasm`, NO_TEXT);
  const [file, helper, wasm] = ["f.js", "_helper.js", "_add.wasm"].map((name) => `${dir.path}/${name}`);
  const sources = new Map<string, string | Uint8Array>([[file, "1"], [helper, "2"], [wasm, NO_TEXT]]);
  assertEquals(await checkedOut(file, sources, `${dir.path}/copies`), {
    file,
    links: [file],
    resolution: undefined,
  });
});

Deno.test("a version that is not on the disk any more is copied to the byte", async () => {
  await using dir = await folder({ "f.js": "new" });
  const [file, wasm] = ["f.js", "_add.wasm"].map((name) => `${dir.path}/${name}`);
  const sources = new Map<string, string | Uint8Array>([[file, "\ufeffold"], [wasm, NO_TEXT]]);
  const { file: copy, links } = await checkedOut(file, sources, `${dir.path}/copies`);
  assertEquals([copy, links], [`${dir.path}/copies${file}`, []]);
  assertEquals(await Deno.readFile(copy), new TextEncoder().encode("\ufeffold"));
  assertEquals(await Deno.readFile(`${dir.path}/copies${wasm}`), NO_TEXT);
});

Deno.test("links whose path has a comma, which no list of paths can name, are copied", async () => {
  await using dir = await folder({ "..data/f.js": "1" });
  await Deno.symlink("..data/f.js", `${dir.path}/a,b.js`);
  const file = `${dir.path}/a,b.js`;
  const { file: copy, links } = await checkedOut(file, new Map([[file, "1"]]), `${dir.path}/copies`);
  assertEquals([copy, links], [`${dir.path}/copies${file}`, []]);
});

Deno.test("a copy has copies of the project's settings, and what these say of the project's files is of the copies", async () => {
  await using dir = await folder({ "app/functions/f.ts": "new", "app/node_modules/tool/index.js": "1" });
  const [file, config, importMap] = ["app/functions/f.ts", "app/deno.json", "own/import_map.json"].map((name) =>
    `${dir.path}/${name}`
  );
  const map = (folder: string) => JSON.stringify({ imports: { "@/": `file://${folder}/app/src/`, x: "npm:x@1" } });
  await dir.write({ "app/deno.json": "{ }", "own/import_map.json": map(dir.path) });
  const resolution = { config, importMap, lock: "/locks/deno.lock", files: new Map([[config, "{}"]]) };
  const copies = `${dir.path}/copies`;
  const { resolution: moved } = await checkedOut(file, new Map([[file, "old"]]), copies, { resolution });
  assertEquals(moved?.lock, "/locks/deno.lock");
  assertEquals(await Deno.readTextFile(moved!.config!), "{}");
  assertEquals(moved?.config, `${copies}${config}`);
  assertEquals(await Deno.readTextFile(moved!.importMap!), map(`${copies}${dir.path}`));
  assertEquals(await Deno.readTextFile(`${copies}${dir.path}/app/node_modules/tool/index.js`), "1");
});
