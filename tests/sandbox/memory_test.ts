import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Logger } from "../../lib/base/log.ts";
import { MemoryWatch, type MemoryWatchOptions, type Watched } from "../../lib/sandbox/limits/memory_watch.ts";
import { Reaper } from "../../lib/sandbox/limits/reaper.ts";
import { alive, Cage, failureOf } from "../misbehaving/cage.ts";
import { LINUX } from "../misbehaving/processes.ts";
import { eventually } from "../support/eventually.ts";

const MB = 1024 * 1024;
const GROWING = `
  export default async ({ body }, context) => {
    context.log.info(String(Deno.pid), { said: true });
    await new Promise((go) => setTimeout(go, 5));
    const all = [];
    while (body === "heap") {
      for (let i = 0; i < 100_000; i++) all.push({ i, text: String(i) });
      await new Promise((go) => setTimeout(go));
    }
    while (body === "buffers") {
      all.push(new Uint8Array(${4 * MB}).fill(1));
      await new Promise((go) => setTimeout(go));
    }
    if (body === "wait") await new Promise((go) => context.signal.addEventListener("abort", go));
  };`;

/** One that is as large as this process, and may have that much. */
class Fake implements Watched {
  readonly pid = Deno.pid;
  readonly name: string;
  readonly memory: number;
  busy = true;
  exceeded = 0;

  constructor(memory: number, name = "resize") {
    this.memory = memory;
    this.name = name;
  }

  onExceeded(): void {
    this.exceeded++;
  }
}

Deno.test("a heap beyond the limit ends its process, with the reason", async () => {
  await using cage = await Cage.make(GROWING, { config: { memory: "128MB" } });
  assertStringIncludes(failureOf(await cage.run("heap"), "crashed").message, "memory");
  assertEquals((await cage.run()).kind, "completed");
});

Deno.test("a heap beyond the limit that never lets go of the thread says so too", async () => {
  const module = "export default ({ body }) => { const all = []; while (body) all.push({ a: [all.length] }); };";
  await using cage = await Cage.make(module, { config: { memory: "64MB" } });
  assertStringIncludes(failureOf(await cage.run("heap"), "crashed").message, "memory");
  assertEquals((await cage.run()).kind, "completed");
});

Deno.test({
  name: "buffers beyond the limit end their process alone, and what else ran there runs again",
  ignore: !LINUX,
  async fn() {
    await using cage = await Cage.make(GROWING, { config: { memory: "128MB", instances: 2, timeout: 60_000 } });
    const other = cage.run("wait");
    await eventually(() => cage.said.length === 1, { timeout: 30_000 });
    const growing = cage.run("buffers");
    await eventually(() => cage.said.length === 2, { timeout: 30_000 });
    const neighbours = [cage.run(), cage.run()];
    assertStringIncludes(failureOf(await growing, "crashed").message, "more memory than its limit of 128 MB");
    for (const neighbour of neighbours) assertEquals((await neighbour).kind, "completed");
    assert(alive(Number(cage.said[0])));
    await cage.sandbox.abort(10_000);
    assertEquals((await other).kind, "completed");
  },
});

Deno.test({
  name: "the smallest limit is enough for a function that does little",
  ignore: !LINUX,
  async fn() {
    await using cage = await Cage.make(GROWING, { config: { memory: "64MB" } });
    for (let i = 0; i < 50; i++) assertEquals((await cage.run({ some: "text".repeat(100) })).kind, "completed");
    assertEquals(cage.lines.filter(({ said }) => said !== true), []);
  },
});

Deno.test("busy processes are watched, those without work too, and none after it is deleted", async () => {
  const watch = new MemoryWatch({ reaper: telling(() => 2 ** 40), log: new Logger({ level: "silent" }), os: "linux" });
  const [small, large, idle, gone] = [new Fake(1), new Fake(2 ** 50), new Fake(1), new Fake(1)];
  idle.busy = false;
  for (const fake of [small, large, idle, gone]) watch.add(fake);
  watch.delete(gone);
  await eventually(() => idle.exceeded > 0);
  assert(small.exceeded > idle.exceeded);
  assertEquals([large.exceeded, gone.exceeded], [0, 0]);
  for (const fake of [small, large, idle]) watch.delete(fake);
});

Deno.test("a process whose memory cannot be read is said once, and one that ended meanwhile is not", async () => {
  const said: string[] = [];
  const log = new Logger({ write: (line) => said.push(JSON.parse(line).message) });
  let looks = 0;
  const nobody = {
    start: () => Promise.resolve(true),
    residentMemory: () => Promise.resolve(new Map<number, number>(void looks++)),
  };
  const watch = new MemoryWatch({ reaper: nobody, log, os: "linux" });
  const [hidden, ending] = [new Fake(1), new Fake(1)];
  watch.add(hidden);
  watch.add(ending);
  await eventually(() => looks === 1);
  watch.delete(ending);
  await eventually(() => looks > 5);
  assertEquals(said, [`the memory of process ${hidden.pid} cannot be read: nothing but its heap is bounded`]);
  watch.delete(hidden);
});

Deno.test("a limit that cannot be watched is said at the start: another system, no shell, a shell without /proc", async () => {
  const none = { start: () => Promise.resolve(false), residentMemory: () => Promise.resolve(undefined) };
  const reaper = new Reaper(new Logger({ level: "silent" }), { shell: "/no/such/shell" });
  const cases: [options: Partial<MemoryWatchOptions>, why: string][] = [
    [{ os: "darwin", reaper: none }, "darwin does not tell it"],
    [{ os: "linux", reaper: none }, "no shell can read it below /proc"],
    [{ os: "linux", reaper }, "no shell can read it below /proc"],
  ];
  for (const [options, why] of cases) {
    const lines: Record<string, unknown>[] = [];
    const log = new Logger({ write: (line) => lines.push(JSON.parse(line)) });
    await new MemoryWatch({ reaper: none, log, ...options }).start();
    assertEquals(lines.map(({ level }) => level), ["warn"]);
    assertStringIncludes(String(lines[0].message), `the memory of the functions' processes is not watched: ${why}`);
  }
});

/** One that knows every process. */
function telling(bytes: (pid: number) => number): MemoryWatchOptions["reaper"] {
  return {
    start: () => Promise.resolve(true),
    residentMemory: (pids) => Promise.resolve(new Map(pids.map((pid) => [pid, bytes(pid)]))),
  };
}

Deno.test("the memory that was seen last is added up for each function, without processes that ended", async () => {
  const watch = new MemoryWatch({ reaper: telling(() => 1_000), log: new Logger({ level: "silent" }), os: "linux" });
  const fakes = [new Fake(2_000), new Fake(2_000), new Fake(2_000, "mail")];
  assertEquals([...watch.resident()], []);
  for (const fake of fakes) watch.add(fake);
  await eventually(() => watch.resident().size === 2);
  watch.delete(fakes[0]);
  assertEquals([...watch.resident()], [["resize", 1_000], ["mail", 1_000]]);
  for (const fake of fakes.slice(1)) watch.delete(fake);
  assertEquals([...watch.resident()], []);
});
