import { assertEquals, assertStringIncludes } from "@std/assert";
import { loadFunctions } from "../../lib/loader/loader.ts";
import { folder } from "./folder.ts";

const text = (version: number) => `export const version = ${version};\n`;
const handler = (version: number) => `import "./_helper.ts";\n// ${version}\nexport default () => {};\n`;

Deno.test("a link that is swapped while the functions are read gives one version whole, and no mixture", async () => {
  await using dir = await folder({
    "releases/1/functions/a.ts": handler(1),
    "releases/1/functions/_helper.ts": text(1),
    "releases/2/functions/a.ts": handler(2),
    "releases/2/functions/_helper.ts": text(2),
  });
  await Deno.symlink("releases/1", `${dir.path}/current`);
  let swapped = false;
  const { functions } = await loadFunctions(`${dir.path}/current/functions`, {
    readFile: async (file) => {
      const read = await Deno.readFile(file);
      if (!swapped) {
        await Deno.symlink("releases/2", `${dir.path}/next`);
        await Deno.rename(`${dir.path}/next`, `${dir.path}/current`);
        swapped = true;
      }
      return read;
    },
  });
  const [loaded] = functions;
  assertEquals("sources" in loaded && [...loaded.sources.values()], [handler(2), text(2)]);
});

Deno.test("a function whose module is a link to nowhere or in a circle says so, and the others load", async () => {
  await using dir = await folder({
    "fine.ts": "export default () => {};",
    "one.ts": 'import "./_gone.ts";\nexport default () => {};',
    "two.ts": 'import "./_loop.ts";\nexport default () => {};',
  });
  await Deno.symlink("nowhere.ts", `${dir.path}/_gone.ts`);
  await Deno.symlink("_loop.ts", `${dir.path}/_loop.ts`);
  const { functions } = await loadFunctions(dir.path);
  const errors = Object.fromEntries(functions.map((loaded) => [loaded.name, "error" in loaded ? loaded.error : ""]));
  assertEquals(errors.fine, "");
  assertStringIncludes(errors.one, "one.ts:1:8: Module not found");
  assertStringIncludes(errors.one, '_gone.ts: it is a link to "nowhere.ts", which is not there');
  assertStringIncludes(errors.two, '_loop.ts: it is a link to "_loop.ts", which leads back to itself');
});

Deno.test("a function may import what is beside a functions folder that is a link, as its path is written", async () => {
  await using dir = await folder({
    "app/shared/tool.ts": text(1),
    "mnt/fn/a.ts": 'import "../shared/tool.ts";\nexport default () => {};',
  });
  await Deno.symlink("../mnt/fn", `${dir.path}/app/functions`);
  const { functions } = await loadFunctions(`${dir.path}/app/functions`);
  assertEquals(functions.map((loaded) => [loaded.name, "error" in loaded ? loaded.error : undefined]), [
    ["a", undefined],
  ]);
});
