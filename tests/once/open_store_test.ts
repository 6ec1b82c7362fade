import { assertEquals, assertRejects } from "@std/assert";
import { WarrenError } from "../../lib/base/errors.ts";
import { Logger } from "../../lib/base/log.ts";
import { openStore } from "../../lib/once/open_store.ts";
import { folder } from "../loader/folder.ts";
import { storeSuite } from "./store_suite.ts";

const LOG = new Logger({ level: "silent" });

/** A store in the memory of one process: as a module that somebody wrote for Warren. */
const IN_MEMORY = `
  const kept = new Map();
  const live = (key) => {
    const found = kept.get(key);
    return found && found.until > Date.now() ? found : undefined;
  };
  export default () => ({
    async claim(key, owner, lease) {
      const found = live(key);
      if (!found) kept.set(key, { owner, until: Date.now() + lease });
      if (!found) return { kind: "claimed" };
      return found.done ? { kind: "done", value: found.value } : { kind: "held", for: found.until - Date.now() };
    },
    async done(key, owner, value, keep) {
      if (!live(key)?.done) kept.set(key, { done: true, value, until: Date.now() + keep });
      return { value: live(key).value };
    },
    async release(key, owner) {
      if (live(key)?.owner === owner) kept.delete(key);
    },
    async close() {},
  });`;

storeSuite("a module", async () => {
  const files = await folder({ "store.ts": IN_MEMORY });
  return {
    open: () => openStore({ kind: "module", path: `${files.path}/store.ts` }, LOG),
    [Symbol.asyncDispose]: () => files[Symbol.asyncDispose](),
  };
});

Deno.test("a module that makes no store is an error that says what is missing", async () => {
  await using files = await folder({
    "value.ts": "export default {};",
    "half.ts": "export default () => ({ claim() {}, close() {} });",
    "throws.ts": 'export default () => { throw new Error("no database"); };',
  });
  const says: Record<string, string> = {
    "value.ts": "its default export is object, expected a function that makes a store",
    "half.ts": "the store that it returns has no done, no release",
    "throws.ts": "no database",
    "none.ts": "Module not found",
  };
  for (const [name, text] of Object.entries(says)) {
    const store = openStore({ kind: "module", path: `${files.path}/${name}` }, LOG);
    await assertRejects(() => store.claim("k", "a", 1), WarrenError, text);
    await store.close();
  }
});

Deno.test("a store is opened at its first use, and tried again where that failed", async () => {
  await using files = await folder();
  const path = `${files.path}/data/once.db`;
  const store = openStore({ kind: "sqlite", path }, LOG);
  assertEquals([...Deno.readDirSync(files.path)], []);
  await files.write({ data: "in the way" });
  await assertRejects(() => store.claim("k", "a", 60_000), WarrenError, path);
  await Deno.remove(`${files.path}/data`);
  assertEquals(await store.claim("k", "a", 60_000), { kind: "claimed" });
  await store.close();
});
