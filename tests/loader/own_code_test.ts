import { assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { loadFunctions } from "../../lib/loader/loader.ts";
import { foreignFiles } from "../../lib/loader/own_code.ts";
import { folder } from "./folder.ts";

const HANDLER = "export default () => {};\n";

Deno.test("a function's own files are below its folder, its code also beside it, and Warren's own count", async () => {
  await using project = await folder({
    "functions/a.ts": HANDLER,
    "functions/_data.json": "{}",
    "shared/tool.ts": "",
    "shared/add.wasm": "",
  });
  const functions = join(project.path, "functions");
  const own = ["functions/a.ts", "functions/_data.json", "shared/tool.ts", "shared/add.wasm"];
  const files = [
    ...own.map((name) => join(project.path, name)),
    fileURLToPath(new URL("../../lib/mod.ts", import.meta.url)),
  ];
  assertEquals(foreignFiles(files, functions), []);
});

Deno.test("other files beside the folder, and all that is above, are not its own", async () => {
  await using project = await folder({
    "functions/a.ts": HANDLER,
    "secrets.json": "{}",
    "notes": "",
    "functions2/x.json": "{}",
  });
  const functions = join(project.path, "functions");
  const foreign = [
    ...["secrets.json", "notes", "functions2/x.json"].map((name) => join(project.path, name)),
    join(project.path, "../elsewhere.ts"),
    "/etc/passwd",
    "/etc/passwd.ts",
  ];
  const lines = foreignFiles(foreign, functions);
  assertEquals(lines.length, foreign.length);
  for (const line of lines) assertStringIncludes(line, "would need no permission");
});

Deno.test("a link counts as where it leads", async () => {
  await using elsewhere = await folder({ "secret.json": "{}", "code.ts": "" });
  await using project = await folder({ "functions/a.ts": HANDLER });
  const functions = join(project.path, "functions");
  await Deno.symlink(join(elsewhere.path, "secret.json"), join(functions, "link.json"));
  await Deno.symlink(join(elsewhere.path, "code.ts"), join(functions, "link.ts"));
  await Deno.symlink(elsewhere.path, join(functions, "_folder"));
  for (const name of ["link.json", "link.ts", "_folder/secret.json", "_folder/code.ts"]) {
    assertEquals(foreignFiles([join(functions, name)], functions).length, 1, name);
  }
  await Deno.symlink(functions, join(project.path, "linked"));
  assertEquals(foreignFiles([join(functions, "a.ts")], join(project.path, "linked")), []);
});

Deno.test("a function that imports what is not its own does not load, however it names it", async () => {
  await using elsewhere = await folder({ "secret.json": '"secret"', "text.txt": "secret", "code.ts": "export {};" });
  const secret = `file://${elsewhere.path}/secret.json`;
  const inData = `import x from ${JSON.stringify(secret)} with { type: "json" }; export default x;`;
  const importing: Record<string, string> = {
    "static": `import x from ${JSON.stringify(secret)} with { type: "json" };\n`,
    "exported": `export { default as x } from ${JSON.stringify(secret)} with { type: "json" };\n`,
    "dynamic": `const x = await import(${JSON.stringify(secret)}, { with: { type: "json" } });\n`,
    "code": `import ${JSON.stringify(`file://${elsewhere.path}/code.ts`)};\n`,
    "text": `import x from ${JSON.stringify(`file://${elsewhere.path}/text.txt`)} with { type: "text" };\n`,
    "bytes": `import x from ${JSON.stringify(`file://${elsewhere.path}/text.txt`)} with { type: "bytes" };\n`,
    "data": `import x from ${JSON.stringify(`data:text/javascript,${encodeURIComponent(inData)}`)};\n`,
    "indirect": `import "./_helper.ts";\n`,
  };
  await using project = await folder({
    ...Object.fromEntries(Object.entries(importing).map(([name, line]) => [`functions/${name}.ts`, line + HANDLER])),
    "functions/_helper.ts": `import x from ${JSON.stringify(secret)} with { type: "json" };\n`,
    "functions/fine.ts": `import x from "./_own.json" with { type: "json" };\n${HANDLER}`,
    "functions/_own.json": "{}",
  });
  const loaded = await loadFunctions(join(project.path, "functions"));
  for (const one of loaded.functions) {
    const error = "error" in one ? one.error : "";
    if (one.name === "fine") assertEquals(error, "");
    else assertStringIncludes(error, elsewhere.path, one.name);
  }
  assertEquals(loaded.functions.length, Object.keys(importing).length + 1);
});
