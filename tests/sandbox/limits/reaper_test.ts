import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Logger } from "../../../lib/base/log.ts";
import { Reaper } from "../../../lib/sandbox/limits/reaper.ts";
import { alive } from "../../misbehaving/cage.ts";
import { descendants, LINUX } from "../../misbehaving/processes.ts";
import { eventually } from "../../support/eventually.ts";

/** Processes that do nothing, gone at the end. */
class Sleepers implements AsyncDisposable {
  readonly #children: Deno.ChildProcess[];

  constructor(count: number) {
    this.#children = Array.from({ length: count }, () => new Deno.Command("sleep", { args: ["60"] }).spawn());
  }

  get pids(): number[] {
    return this.#children.map(({ pid }) => pid);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children) {
      try {
        child.kill("SIGKILL");
      } catch {
        // The reaper was there.
      }
      await child.status;
    }
  }
}

function reaperPid(): number | undefined {
  return descendants(Deno.pid).find(({ command }) => command.startsWith("/bin/sh -c"))?.pid;
}

const options = { ignore: !LINUX, sanitizeOps: false, sanitizeResources: false };

Deno.test({
  ...options,
  name: "what is watched at its end is killed, and what was forgotten is not",
  async fn() {
    await using sleepers = new Sleepers(4);
    const [a, b, c, d] = sleepers.pids;
    const reaper = new Reaper(new Logger({ level: "silent" }));
    for (const pid of [a, b, c, d]) reaper.watch(pid);
    for (const pid of [d, b, 12_345_678]) reaper.forget(pid);
    await eventually(() => reaperPid() !== undefined);
    await reaper.close();
    await eventually(() => !alive(a) && !alive(c));
    assertEquals([alive(b), alive(d)], [true, true]);
    await eventually(() => reaperPid() === undefined);
  },
});

Deno.test({
  ...options,
  name: "signals to the whole group do not end it, and one that is killed comes again with what it has to know",
  async fn() {
    await using sleepers = new Sleepers(2);
    const reaper = new Reaper(new Logger({ level: "silent" }));
    for (const pid of sleepers.pids) reaper.watch(pid);
    const first = await eventually(reaperPid);
    // It says nothing: that it has set its traps is seen from the signals that it ignores.
    await eventually(() => (ignoredSignals(first) & 0x4003n) === 0x4003n);
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) Deno.kill(first, signal);
    Deno.kill(first, "SIGKILL");
    await eventually(() => ![undefined, first].includes(reaperPid()));
    await reaper.close();
    await eventually(() => sleepers.pids.every((pid) => !alive(pid)));
  },
});

Deno.test({
  ...options,
  name: "it starts with the first process that is watched, and a closed one starts nothing",
  async fn() {
    const reaper = new Reaper(new Logger({ level: "silent" }));
    reaper.forget(1);
    assertEquals(reaperPid(), undefined);
    await reaper.close();
    reaper.watch(12_345_678);
    assert(reaperPid() === undefined);
  },
});

Deno.test({
  ...options,
  name: "it tells the resident memory of processes in bytes, and nothing of one that is not there",
  async fn() {
    const reaper = new Reaper(new Logger({ level: "silent" }));
    assertEquals(await reaper.start(), true);
    const pages = Number(Deno.readTextFileSync(`/proc/${Deno.pid}/statm`).split(" ")[1]);
    const found = await reaper.residentMemory([Deno.pid, 2 ** 30]);
    assertEquals([...found!.keys()], [Deno.pid]);
    const page = found!.get(Deno.pid)! / pages;
    assert(page > 3_000 && page < 100_000, `${page} bytes a page`);
    assertEquals(found!.get(Deno.pid)! % 4096, 0);
    assertEquals(await reaper.residentMemory([]), new Map());
    await reaper.close();
    await eventually(() => reaperPid() === undefined);
  },
});

Deno.test({
  ...options,
  name: "a shell that does not answer is replaced, which is logged, and the next question is answered",
  async fn() {
    const lines: string[] = [];
    const log = new Logger({ write: (line) => lines.push(JSON.parse(line).message) });
    const reaper = new Reaper(log, { patience: 200 });
    // The shell keeps no process alive, and so not this one while it starts again.
    const busy = setInterval(() => {}, 1_000);
    await reaper.start();
    Deno.kill(await eventually(reaperPid), "SIGSTOP");
    assertEquals(await reaper.residentMemory([Deno.pid]), undefined);
    assertStringIncludes(lines[0], "the shell beside the functions' processes ended (SIGKILL); another one starts in ");
    await eventually(async () => (await reaper.residentMemory([Deno.pid]))?.has(Deno.pid));
    await reaper.close();
    clearInterval(busy);
  },
});

Deno.test({
  ...options,
  name: "a shell that ends at once is started again after growing pauses, and tells no memory",
  async fn() {
    await using place = await shellThatEnds();
    const waits: number[] = [];
    const log = new Logger({ write: (line) => waits.push(Number(/in (\d+) ms/.exec(line)![1])) });
    const reaper = new Reaper(log, { shell: place.path });
    reaper.watch(12_345_678);
    assertEquals(await reaper.start(), false);
    assertEquals(await reaper.residentMemory([Deno.pid]), undefined);
    await eventually(() => waits.length === 4);
    assert(waits[3] > waits[0] * 2, waits.join());
    await reaper.close();
  },
});

async function shellThatEnds(): Promise<AsyncDisposable & { path: string }> {
  const folder = await Deno.makeTempDir({ prefix: "warren-shell-" });
  await Deno.writeTextFile(`${folder}/shell`, "#!/bin/sh\nexit 3\n", { mode: 0o755 });
  return { path: `${folder}/shell`, [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }) };
}

function ignoredSignals(pid: number): bigint {
  const status = Deno.readTextFileSync(`/proc/${pid}/status`);
  return BigInt(`0x${/SigIgn:\s*(\w+)/.exec(status)?.[1] ?? "0"}`);
}
