/**
 * Runs the tests: `deno task test`, `deno task test:long`; with `--doc` the examples in the docstrings, and with
 * `--check` the types alone.
 *
 * Without paths, several files run at a time, each in a process of its own: what a test does to its environment, or sees
 * of its children and its memory, is of no other file. DENO_JOBS says how many; else three on two cores and so on, since
 * a test waits about as long as it works.
 *
 * Some closed networks reach npm but not JSR. There, and only there, `@std/assert` is mapped to a small
 * adapter over `node:assert/strict`, and one line says so. The last line is always `N passed, M failed`.
 */
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { type TestCounts, TestSummary } from "./test_summary.ts";

const ROOT = new URL("../../", import.meta.url);
const PROBE_TIMEOUT = 3_000;
/** Milliseconds after which a file is named whose output is still to come: it may hang. */
const STILL_RUNNING = 60_000;

/** Where the types are checked; what does not exist is left out. */
const CHECKED = ["main.ts", "lib", "functions", "bench/main.ts", "bench/load", "tests"];
/** What the benchmarks are compared with has a configuration of its own, and packages that only they download. */
const RIVALS = "bench/rivals";

interface Arguments {
  long: boolean;
  doc: boolean;
  check: boolean;
  paths: string[];
  rest: string[];
}

function parseArguments(args: string[]): Arguments {
  const parsed: Arguments = { long: false, doc: false, check: false, paths: [], rest: [] };
  for (const arg of args) {
    if (arg === "--long") parsed.long = true;
    else if (arg === "--doc") parsed.doc = true;
    else if (arg === "--check") parsed.check = true;
    else if (!arg.startsWith("-") && exists(arg)) parsed.paths.push(arg);
    else if (/^(\.\/)?tests\/|_test\.ts$/.test(arg)) throw new RangeError(`there is no file ${arg}`);
    else parsed.rest.push(arg);
  }
  return parsed;
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}

/** Whether the package can be had, from the cache or from the network, within PROBE_TIMEOUT. */
async function resolves(specifier: string): Promise<boolean> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["cache", "--no-config", "--no-lock", specifier],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  const timer = setTimeout(() => child.kill("SIGKILL"), PROBE_TIMEOUT);
  const { success } = await child.status;
  clearTimeout(timer);
  return success;
}

/**
 * The flags for an import map that replaces that of deno.json, or none where JSR answers. Deno ignores
 * deno.json's `imports` beside `--import-map`, so all of them are in it; the lock file has the real
 * packages, so it is left alone.
 */
async function importMapFlags(): Promise<string[]> {
  const config = JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT)));
  const declared: Record<string, string> = config.imports;
  if (await resolves(declared["@std/assert"])) return [];

  console.log("JSR cannot be reached: @std/assert is replaced by tests/support/assert_adapter.ts for this run.");
  const imports: Record<string, string> = {};
  for (const [name, target] of Object.entries(declared)) {
    const scheme = target.match(/^(npm|jsr):\/?/);
    imports[name] = scheme ? target : new URL(target, ROOT).href;
    // deno.json maps `hono/cors` along with `hono`; a plain import map needs an entry of its own.
    if (scheme) imports[`${name}/`] = `${scheme[1]}:/${target.slice(scheme[0].length)}/`;
  }
  imports["@std/assert"] = new URL("assert_adapter.ts", import.meta.url).href;
  delete imports["@std/assert/"];

  const file = join(await Deno.makeTempDir({ prefix: "warren-test-" }), "import_map.json");
  await Deno.writeTextFile(file, JSON.stringify({ imports }, null, 2));
  globalThis.addEventListener("unload", () => Deno.removeSync(join(file, ".."), { recursive: true }));
  return [`--import-map=${pathToFileURL(file).href}`, "--no-lock"];
}

/**
 * The test files below `folder`, relative to the project, sorted: of one kind, by the end of their names. `long` take
 * longer, and `load` also load the machine and have bounds on how long things take.
 */
function findTests(folder: string, kind: "short" | "long" | "load"): string[] {
  return [...Deno.readDirSync(new URL(`${folder}/`, ROOT))].flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) return findTests(path, kind);
    return entry.name.endsWith("_test.ts") && (entry.name.match(/_(long|load)_test/)?.[1] ?? "short") === kind
      ? [path]
      : [];
  }).sort();
}

/** The pages of a folder: their code blocks are examples too. */
function findPages(folder: string): string[] {
  const names = [...Deno.readDirSync(new URL(`${folder}/`, ROOT))].map(({ name }) => name);
  return names.filter((name) => name.endsWith(".md")).map((name) => `${folder}/${name}`).sort();
}

/** The modules below `folder` whose docstrings have examples. */
function findExamples(folder: string): string[] {
  return [...Deno.readDirSync(new URL(`${folder}/`, ROOT))].flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) return findExamples(path);
    return path.endsWith(".ts") && Deno.readTextFileSync(new URL(path, ROOT)).includes(" * ```ts") ? [path] : [];
  }).sort();
}

async function check(flags: string[], paths: string[]): Promise<number> {
  const there = (path: string) => exists(join(fileURLToPath(ROOT), path));
  const run = async (...args: string[]) => {
    return (await new Deno.Command(Deno.execPath(), { args: ["check", ...args], cwd: ROOT }).spawn().status).code;
  };
  if (paths.length > 0) return await run(...flags, ...paths);
  const code = await run(...flags, ...CHECKED.filter(there));
  if (code !== 0 || !there(RIVALS)) return code;
  const config = ["--config", `${RIVALS}/deno.json`];
  if (await isCached(config)) return await run(...config, RIVALS);
  console.log(`${RIVALS} is not checked: "deno task bench rivals" downloads its packages.`);
  return 0;
}

/** Whether the packages of RIVALS are there. Of deno's commands that run nothing, this one alone downloads nothing. */
async function isCached(config: string[]): Promise<boolean> {
  const scripts = [...Deno.readDirSync(new URL(`${RIVALS}/`, ROOT))].map(({ name }) => `${RIVALS}/${name}`);
  const args = [
    "test",
    "--no-run",
    "--no-check",
    "--cached-only",
    ...config,
    ...scripts.filter((it) => it.endsWith(".ts")),
  ];
  return (await new Deno.Command(Deno.execPath(), { args, cwd: ROOT, stdout: "null", stderr: "null" }).output())
    .success;
}

async function test(flags: string[], { long, doc, paths, rest }: Arguments): Promise<number> {
  const args = ["test", "-A", doc ? "--doc" : "--no-check", ...flags, ...rest];
  const counts = paths.length > 0
    ? await testTogether(args, paths)
    : doc
    ? await testTogether(args, [...findExamples("lib"), "README.md", ...findPages("docs")])
    : long
    ? sum([await testFiles(args, findTests("tests", "long")), await testTogether(args, findTests("tests", "load"))])
    : await testFiles(args, findTests("tests", "short"));
  const { passed, failed, skipped } = counts;
  console.log(`${passed} passed, ${failed} failed` + (skipped > 0 ? `, ${skipped} skipped` : ""));
  return failed > 0 ? 1 : 0;
}

function sum(all: readonly TestCounts[]): TestCounts {
  const total: TestCounts = { passed: 0, failed: 0, skipped: 0 };
  for (const counts of all) for (const key of ["passed", "failed", "skipped"] as const) total[key] += counts[key];
  return total;
}

async function testTogether(args: string[], files: string[]): Promise<TestCounts> {
  const summary = new TestSummary();
  const child = spawnTests([...args, ...files], "inherit");
  for await (const chunk of child.stdout) {
    await writeAll(chunk);
    summary.add(chunk);
  }
  return summary.finish((await child.status).code);
}

/** The output of a file comes when it is done. */
async function testFiles(args: string[], files: string[]): Promise<TestCounts> {
  const all: TestCounts[] = [];
  const broken: string[] = [];
  const waiting = [...files];
  // One after the other: a write may take only a part.
  let printed = Promise.resolve();
  const work = async () => {
    for (let file = waiting.shift(); file; file = waiting.shift()) {
      const tell = setTimeout(() => console.log(`still running: ${file}`), STILL_RUNNING);
      const { code, stdout, stderr } = await spawnTests([...args, file], "piped").output();
      clearTimeout(tell);
      const summary = new TestSummary();
      summary.add(stdout);
      const counts = summary.finish(code);
      // A filter may leave nothing of it.
      if (counts.passed + counts.failed + counts.skipped === 0) continue;
      printed = printed.then(() => writeAll(stdout)).then(() => writeAll(stderr));
      if (counts.failed > 0) broken.push(file);
      all.push(counts);
    }
  };
  const jobs = Number(Deno.env.get("DENO_JOBS")) || Math.ceil(navigator.hardwareConcurrency * 1.5);
  await Promise.all(Array.from({ length: jobs }, work));
  await printed;
  for (const file of broken) console.log(`failed: ${file}`);
  return sum(all);
}

function spawnTests(args: string[], stderr: "inherit" | "piped"): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), { args, cwd: ROOT, stdin: "null", stdout: "piped", stderr }).spawn();
}

async function writeAll(chunk: Uint8Array): Promise<void> {
  for (let done = 0; done < chunk.length;) done += await Deno.stdout.write(chunk.subarray(done));
}

if (import.meta.main) {
  let args: Arguments;
  try {
    args = parseArguments(Deno.args);
  } catch (error) {
    console.error((error as Error).message);
    Deno.exit(2);
  }
  const flags = await importMapFlags();
  Deno.exitCode = args.check ? await check(flags, args.paths) : await test(flags, args);
}
