import { assert, assertEquals, assertNotEquals, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { Logger } from "../../../lib/base/log.ts";
import { type LoadedFunction, loadFunctions } from "../../../lib/loader/loader.ts";
import { ProjectReader } from "../../../lib/loader/project/project_reader.ts";
import { type Folder, folder } from "../folder.ts";
import { EMPTY_LOCK, lockWith, PACKAGE } from "./locked.ts";

const HANDLER = `
  import { Cron } from "cron";
  import { Reject } from "warren";
  export default () => [Cron, Reject];`;

/** A project with a function in it that imports a package by a bare name. */
function project(files: Record<string, string> = {}): Promise<Folder> {
  return folder({ "deno.json": settings(), "functions/a.ts": HANDLER, ...files });
}

function settings(more: Record<string, unknown> = {}): string {
  return JSON.stringify({ imports: { cron: PACKAGE }, ...more });
}

/** Reads a project again and again, as a runner does. */
class Reader implements AsyncDisposable {
  readonly said: string[] = [];
  readonly #made: Folder;
  readonly #projects: ProjectReader;

  constructor(made: Folder, frozen: boolean) {
    this.#made = made;
    this.#projects = new ProjectReader({ folder: made.path, frozen });
  }

  static async open({ frozen = false } = {}): Promise<Reader> {
    return new Reader(await folder(), frozen);
  }

  async read(dir: string, codeRoot?: string): Promise<{ functions: LoadedFunction[]; files: string[] }> {
    const log = new Logger({ level: "warn", write: (line) => this.said.push(JSON.parse(line).message) });
    return await loadFunctions(join(dir, "functions"), { projects: this.#projects, codeRoot, log, download: false });
  }

  /** The only function. */
  async one(dir: string): Promise<Exclude<LoadedFunction, { error: string }>> {
    const { functions: [loaded] } = await this.read(dir);
    if ("error" in loaded) throw new Error(loaded.error);
    return loaded;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#made[Symbol.asyncDispose]();
  }
}

Deno.test("bare imports are those of the project's deno.json, and warren is there in any case", async () => {
  await using dir = await project();
  await using reader = await Reader.open();
  const { resolution, sources } = await reader.one(dir.path);
  assertEquals(resolution?.config, join(dir.path, "deno.json"));
  assert(resolution?.importMap, "warren is in an import map of Warren's own");
  assertEquals([...sources.keys()][0], join(dir.path, "functions/a.ts"));
  assertEquals(resolution.lock, undefined);
  assertEquals(await Deno.stat(join(dir.path, "deno.lock")).catch(() => "none"), "none");
});

Deno.test("a project that says itself where warren is keeps its own import map", async () => {
  await using dir = await project();
  const warren = new URL("../../../lib/mod.ts", import.meta.url).href;
  await dir.write({ "deno.json": settings({ imports: { cron: PACKAGE, warren } }) });
  await using reader = await Reader.open();
  const { resolution } = await reader.one(dir.path);
  assertEquals([resolution?.config, resolution?.importMap], [join(dir.path, "deno.json"), undefined]);
});

Deno.test("where a project has a package.json alone, its dependencies are the imports", async () => {
  const dependencies = { cron: PACKAGE };
  await using dir = await folder({
    "package.json": JSON.stringify({ dependencies }),
    ".npmrc": "fund=false\n",
    "functions/a.ts": HANDLER,
  });
  await using reader = await Reader.open();
  const { resolution } = await reader.one(dir.path);
  // Deno reads the one beside its configuration.
  assertEquals(await Deno.readTextFile(join(resolution!.config!, "../.npmrc")), "fund=false\n");
});

Deno.test("a version is another one where what it imports may be, and not where only a task is", async () => {
  await using dir = await project({ "deno.lock": await lockWith(), "functions/b.ts": "export default () => {};" });
  await using reader = await Reader.open();
  const versions = async () => {
    const { functions } = await reader.read(dir.path);
    return functions.map((loaded) => "error" in loaded ? loaded.error : loaded.definition.version);
  };
  const first = await versions();
  await dir.write({ "deno.json": settings({ tasks: { x: "echo" }, fmt: { lineWidth: 99 } }) });
  assertEquals(await versions(), first);
  await dir.write({ "deno.json": settings({ compilerOptions: { jsx: "react-jsx" } }) });
  const second = await versions();
  first.forEach((version, index) => assertNotEquals(version, second[index]));
  const lock = await lockWith();
  await dir.write({ "deno.lock": lock.replace("{", "{ ") });
  const third = await versions();
  assertNotEquals(third[0], second[0], "it imports a package");
  assertEquals(third[1], second[1], "it imports none");
});

Deno.test("the project's files are among those that are watched, whether they are there or not", async () => {
  await using dir = await project();
  await using reader = await Reader.open();
  const { files } = await reader.read(dir.path);
  for (const name of ["deno.json", "deno.jsonc", "package.json", ".npmrc", "deno.lock"]) {
    assert(files.includes(join(dir.path, name)), name);
  }
});

Deno.test("a folder in no project becomes one when a deno.json appears beside it", async () => {
  await using dir = await folder({ "functions/a.ts": HANDLER });
  await using reader = await Reader.open();
  const { functions: [before], files } = await reader.read(dir.path);
  assert("error" in before, "nothing says what cron is");
  assert(files.includes(join(dir.path, "deno.json")));
  await dir.write({ "deno.json": settings() });
  assertEquals((await reader.one(dir.path)).resolution?.config, join(dir.path, "deno.json"));
});

Deno.test("what the lock file lacks is said, and loads all the same; the file itself stays as it is", async () => {
  await using dir = await project({ "deno.lock": EMPTY_LOCK });
  await using reader = await Reader.open();
  const { resolution } = await reader.one(dir.path);
  assertEquals(await Deno.readTextFile(join(dir.path, "deno.lock")), EMPTY_LOCK);
  assertStringIncludes(await Deno.readTextFile(resolution!.lock!), PACKAGE);
  assertEquals(reader.said, [`deno.lock does not have ${PACKAGE}; to add it: deno task cache`]);
});

Deno.test("in production, what the lock file lacks is an error that names it", async () => {
  await using dir = await project({ "deno.lock": EMPTY_LOCK });
  await using reader = await Reader.open({ frozen: true });
  const { functions: [loaded] } = await reader.read(dir.path);
  assert("error" in loaded);
  assertStringIncludes(loaded.error, `deno.lock does not have ${PACKAGE}, and nothing may be added to it here`);
  await dir.write({ "deno.lock": await lockWith() });
  const { resolution } = await reader.one(dir.path);
  assertEquals(await Deno.readTextFile(resolution!.lock!), await lockWith());
});

Deno.test("code may come from everywhere in the project, or from the code root, and data only from the functions", async () => {
  const imports = (path: string) => `import "${path}"; export default () => {};`;
  await using dir = await folder({
    "shared/code.ts": "",
    "app/deno.json": "{}",
    "app/lib/code.ts": "",
    "app/lib/data.json": "{}",
    "app/src/functions/inside.ts": imports("../../lib/code.ts"),
    "app/src/functions/outside.ts": imports("../../../shared/code.ts"),
    "app/src/functions/data.ts": 'import "../../lib/data.json" with { type: "json" }; export default () => {};',
  });
  await using reader = await Reader.open();
  const broken = async (codeRoot?: string) => {
    const { functions } = await reader.read(join(dir.path, "app/src"), codeRoot);
    return functions.flatMap((loaded) => "error" in loaded ? [loaded.name] : []);
  };
  assertEquals(await broken(), ["data", "outside"]);
  assertEquals(await broken(dir.path), ["data"]);
});

Deno.test("a file in node_modules is a package's by its bare name alone, and else a file as any other", async () => {
  await using dir = await folder({
    "deno.json": '{ "nodeModulesDir": "manual" }',
    "package.json": '{ "dependencies": { "tool": "1.0.0" } }',
    "node_modules/tool/package.json":
      '{ "name": "tool", "version": "1.0.0", "type": "module", "exports": "./index.js" }',
    "node_modules/tool/index.js": 'export { more } from "./more.js";',
    "node_modules/tool/more.js": "export const more = 1;",
    "functions/named.ts": 'import { more } from "tool"; export default () => more;',
    "functions/path.ts":
      'import data from "../node_modules/tool/package.json" with { type: "json" }; export default () => data;',
  });
  await using reader = await Reader.open();
  const { functions: [named, path] } = await reader.read(dir.path);
  assert(!("error" in named), JSON.stringify(named));
  assertEquals([...named.sources.keys()], [join(dir.path, "functions/named.ts")]);
  assert("error" in path);
  assertStringIncludes(path.error, "would need no permission");
});
