import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { Logger } from "../../../lib/base/log.ts";
import type { GuestProcess } from "../../../lib/sandbox/process/guest_process.ts";
import { Pool } from "../../../lib/sandbox/host/pool.ts";
import { alive, Cage, failureOf } from "../../misbehaving/cage.ts";
import { eventually } from "../../support/eventually.ts";

const SAY_PID = `
  export default async (message, context) => {
    context.log.info(String(Deno.pid), { said: true });
    await new Promise((go) => setTimeout(go, 5));
    if (message.body === "exit") Deno.exit(3);
    const { signal } = context;
    if (message.body === "wait" && !signal.aborted) await new Promise((go) => signal.addEventListener("abort", go));
  };`;

/** A pool of processes that are none. */
function poolOf(instances: number): { pool: Pool; started: GuestProcess[] } {
  const started: GuestProcess[] = [];
  const start = () => {
    const process = { loaded: Promise.resolve(), retire() {} } as unknown as GuestProcess;
    started.push(process);
    return Promise.resolve(process);
  };
  return { pool: new Pool({ instances, idle: 2 ** 31 - 1, log: new Logger({ level: "silent" }), start }), started };
}

Deno.test("the first process is taken while it is free, then another, and no more than there may be", async () => {
  const { pool, started } = poolOf(2);
  const first = pool.take();
  const second = pool.take();
  assert(first !== second);
  pool.give(first);
  assertEquals(pool.take(), first);
  pool.take();
  assertEquals([pool.size, first.running + second.running], [2, 3]);
  await pool.close();
  assertEquals(started.length, 2);
});

Deno.test("who has least to do is taken", async () => {
  const { pool } = poolOf(3);
  const members = [pool.take(), pool.take(), pool.take()];
  for (let i = 0; i < 6; i++) pool.take();
  assertEquals(members.map(({ running }) => running), [3, 3, 3]);
  pool.give(members[1]);
  pool.give(members[1]);
  assertEquals([pool.take(), pool.take()], [members[1], members[1]]);
  await pool.close();
});

Deno.test("nobody gets a process that is gone", async () => {
  const { pool, started } = poolOf(1);
  const first = pool.take();
  pool.remove(await first.started);
  const second = pool.take();
  assert(first !== second);
  pool.give(first);
  assertEquals([pool.size, second.running], [1, 1]);
  await pool.close();
  assertEquals(started.length, 2);
});

Deno.test("nobody gets a process that was killed and has not ended yet", async () => {
  const { pool } = poolOf(1);
  const first = pool.take();
  pool.give(first);
  Object.assign(await first.started, { killed: true });
  assert(pool.take() !== first);
  clearTimeout(first.idleTimer);
  await pool.close();
});

Deno.test("messages are spread over as many processes as there may be", async () => {
  await using cage = await Cage.make(SAY_PID, { config: { instances: 3 } });
  const running = Array.from({ length: 6 }, () => cage.run("wait"));
  await eventually(() => cage.said.length === 6, { timeout: 30_000 });
  const counts = Map.groupBy(cage.said, (pid) => pid);
  assertEquals([...counts.values()].map(({ length }) => length), [2, 2, 2]);
  assertEquals(cage.sandbox.processes, 3);
  await cage.sandbox.abort(10_000);
  assertEquals((await Promise.all(running)).map(({ kind }) => kind), Array(6).fill("completed"));
});

Deno.test("messages one after the other need one process, whatever there may be", async () => {
  await using cage = await Cage.make(SAY_PID, { config: { instances: 3 } });
  for (let i = 0; i < 4; i++) await cage.run();
  assertEquals(new Set(cage.said).size, 1);
});

Deno.test("a process without work stops in peace, and another one comes with the next message", async () => {
  await using cage = await Cage.make(SAY_PID, { config: { idle: 50 } });
  await cage.run();
  await eventually(() => cage.sandbox.processes === 0);
  await cage.run();
  const [first, second] = cage.said;
  assert(first !== second && !alive(Number(first)));
  assertEquals(cage.lines.filter(({ said }) => said !== true), []);
});

Deno.test("a process that works does not stop, however long it takes", async () => {
  await using cage = await Cage.make(SAY_PID, { config: { idle: 0, timeout: 700 }, grace: 5_000 });
  assertEquals((await cage.run("wait")).kind, "completed");
  await eventually(() => cage.sandbox.processes === 0);
});

Deno.test("a process that has stopped working but still loops in the background is ended all the same", async () => {
  const module = "export default () => void setTimeout(() => { for (;;); }, 0);";
  await using cage = await Cage.make(module, { config: { idle: 0 } });
  await cage.run();
  await eventually(() => cage.sandbox.processes === 0);
});

Deno.test("processes that crash one after the other make the next one wait, until one does well", async () => {
  await using cage = await Cage.make(SAY_PID);
  for (let i = 0; i < 3; i++) failureOf(await cage.run("exit"), "crashed");
  const { message } = await eventually(() => cage.line("times in a row"));
  assertStringIncludes(String(message), "crashed 2 times in a row; the next one starts in");
  await cage.run();
  cage.lines.length = 0;
  failureOf(await cage.run("exit"), "crashed");
  await cage.run();
  assertEquals(cage.line("times in a row"), undefined);
});

Deno.test("a pool that waits before the next start is closed without it", async () => {
  const { pool, started } = poolOf(1);
  pool.noteCrash();
  pool.noteCrash();
  const { started: waiting } = pool.take();
  waiting.catch(() => {});
  await pool.close();
  await assertRejects(() => waiting, Error, "the sandbox is closed");
  assertEquals(started.length, 0);
});

Deno.test("a sandbox that waits before the next start can be closed", async () => {
  await using cage = await Cage.make(SAY_PID);
  for (let i = 0; i < 6; i++) cage.run("exit");
  await eventually(() => cage.line("times in a row"), { timeout: 30_000 });
  await cage.sandbox.close();
  assertEquals(cage.sandbox.processes, 0);
});

Deno.test("a time limit holds in one process while another one loads", async () => {
  await using gate = await Gate.make();
  const module = `
    while (await Deno.stat(${
    JSON.stringify(gate.file)
  }).catch(() => null)) await new Promise((go) => setTimeout(go, 20));
    export default async ({ body }, context) => {
      context.log.info(body, { said: true });
      await new Promise((go) => setTimeout(go, 5));
      if (body === "short") await new Promise((go) => context.signal.addEventListener("abort", go));
      if (body === "loop") for (;;);
    };`;
  await using cage = await Cage.make(module, {
    config: { instances: 2, timeout: 400, permissions: { read: [gate.file] } },
    grace: 300,
  });
  await cage.sandbox.warm();
  const short = cage.run("short");
  await eventually(() => cage.said.length === 1);
  await gate.close();
  const waiting = cage.run("waiting");
  await short;
  assertEquals((await cage.run("loop")).kind, "timedOut");
  assert(!cage.said.includes("waiting"));
  await gate.open();
  assertEquals((await waiting).kind, "completed");
});

/** A file that holds a module while it is there. */
class Gate implements AsyncDisposable {
  readonly file: string;

  private constructor(folder: string) {
    this.file = `${folder}/closed`;
  }

  static async make(): Promise<Gate> {
    return new Gate(await Deno.realPath(await Deno.makeTempDir({ prefix: "warren-gate-" })));
  }

  async close(): Promise<void> {
    await Deno.writeTextFile(this.file, "");
  }

  async open(): Promise<void> {
    await Deno.remove(this.file);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.file.slice(0, this.file.lastIndexOf("/")), { recursive: true });
  }
}
