import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { MemoryWatch, residentMemory, type Watched } from "../../lib/sandbox/memory_watch.ts";
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
  readonly memory: number;
  busy = true;
  exceeded = 0;

  constructor(memory: number) {
    this.memory = memory;
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

Deno.test({
  name: "busy processes are watched, those without work too, and none after it is deleted",
  ignore: !LINUX,
  async fn() {
    const watch = new MemoryWatch();
    const [small, large, idle, gone] = [new Fake(1), new Fake(2 ** 50), new Fake(1), new Fake(1)];
    idle.busy = false;
    for (const fake of [small, large, idle, gone]) watch.add(fake);
    watch.delete(gone);
    await eventually(() => idle.exceeded > 0);
    assert(small.exceeded > idle.exceeded);
    assertEquals([large.exceeded, gone.exceeded], [0, 0]);
    for (const fake of [small, large, idle]) watch.delete(fake);
  },
});

Deno.test({
  name: "the resident memory is that of the process, and unknown where there is none",
  ignore: !LINUX,
  fn() {
    const bytes = residentMemory(Deno.pid) ?? 0;
    assert(bytes > 10 * MB && bytes < 10_000 * MB, `${bytes}`);
    assertEquals(residentMemory(2 ** 30), undefined);
  },
});
