import { assertEquals } from "@std/assert";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { dependencyImports, namesWarren, withWarren } from "../../../lib/loader/project/import_map.ts";
import { readProject } from "../../../lib/loader/project/project.ts";
import { folder } from "../folder.ts";

Deno.test("a project that names no warren gets it, and keeps its own imports from wherever the map is", async () => {
  await using dir = await folder({
    "deno.json": JSON.stringify({
      imports: {
        "@/": "./src/",
        hono: "npm:hono@4.13.19",
        "std/": "jsr:/@std/assert@1/",
        far: "https://deno.land/x.ts",
      },
      scopes: { "./old/": { hono: "npm:hono@3.0.0" } },
    }),
  });
  const project = (await readProject(dir.path))!;
  const url = (path: string) => pathToFileURL(join(dir.path, path)).href;
  assertEquals(namesWarren(project), false);
  const { imports, scopes } = withWarren(project);
  assertEquals(imports, {
    "warren": new URL("../../../lib/mod.ts", import.meta.url).href,
    "warren/client": new URL("../../../lib/client.ts", import.meta.url).href,
    "warren/testing": new URL("../../../lib/testing.ts", import.meta.url).href,
    "@/": `${url("src")}/`,
    hono: "npm:hono@4.13.19",
    "hono/": "npm:/hono@4.13.19/",
    "std/": "jsr:/@std/assert@1/",
    far: "https://deno.land/x.ts",
  });
  assertEquals(scopes, { [`${url("old")}/`]: { hono: "npm:hono@3.0.0" } });
});

Deno.test("warren is named in deno.json, in the import map that this names, or in the workspace", async () => {
  const warren = { imports: { warren: "jsr:@warren/warren@^0.1/mod" } };
  await using dir = await folder({
    "own/deno.json": JSON.stringify(warren),
    "map/deno.json": '{ "importMap": "./imports.json" }',
    "map/imports.json": JSON.stringify(warren),
    "mono/deno.json": JSON.stringify({ ...warren, workspace: ["./a"] }),
    "mono/a/deno.json": "{}",
    "none/package.json": '{ "dependencies": { "warren": "1" } }',
  });
  const named = ["own", "map", "mono/a", "none"].map(async (path) =>
    namesWarren((await readProject(join(dir.path, path)))!)
  );
  assertEquals(await Promise.all(named), [true, true, true, false]);
});

Deno.test("what a package.json depends on is imported from Deno's cache, but for folders and addresses", () => {
  const content = {
    dependencies: {
      zod: "^4.0.0",
      left: "npm:right@1",
      std: "jsr:@std/assert@1",
      here: "file:../here",
      git: "user/repo",
    },
    devDependencies: { zod: "3", tool: "latest", ws: "workspace:*" },
  };
  assertEquals(dependencyImports({ path: "/p/package.json", content }), {
    zod: "npm:zod@^4.0.0",
    tool: "npm:tool@latest",
    left: "npm:right@1",
    std: "jsr:@std/assert@1",
  });
});
