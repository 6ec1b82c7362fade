import { assert, assertEquals } from "@std/assert";
import { folder } from "../loader/folder.ts";
import { eventually } from "../support/eventually.ts";
import { Gate } from "../support/gate.ts";
import { BrokerPlace } from "../support/hosted_broker.ts";
import type { LogLine, RunnerProcess } from "../support/runner_process.ts";
import { handledBy, post, startServing } from "../support/serving.ts";
import { alive } from "./cage.ts";
import { descendants, functionProcesses, LINUX } from "./processes.ts";

const begun = ({ message }: LogLine) => message === "begun";

/** Kills the runner, and gives which of the processes still live a second later. */
async function orphansOf(runner: RunnerProcess, pids: number[]): Promise<number[]> {
  runner.kill("SIGKILL");
  await runner.status;
  const killed = performance.now();
  await eventually(() => !pids.some(alive) || performance.now() - killed > 1_000);
  return pids.filter(alive);
}

Deno.test({
  name: "no function's process lives a second after the runner's kill: looping, loading, blocked, many",
  ignore: !LINUX,
  async fn() {
    await using place = await BrokerPlace.make();
    await using functions = await folder({
      "looping.ts": `
        export const config = { instances: 3, concurrency: 3 };
        export default (_, { log }) => { log.info("begun"); setTimeout(() => { for (;;); }, 50); return new Promise(() => {}); };`,
      "loading.ts": "await new Promise(() => setInterval(() => {}, 1000)); export default () => {};",
      "looping_while_it_loads.ts": "for (;;); export default () => {};",
      "blocked.ts": `
        export default (_, { log }) => {
          log.info("begun");
          setTimeout(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0), 50);
          return new Promise(() => {});
        };`,
      "idle.ts": "export const config = { warm: true }; export default () => {};",
    });
    await using runner = await startServing({ functionsDir: functions.path, env: place.env });
    for (const name of ["looping", "looping", "looping", "loading", "looping_while_it_loads", "blocked"]) {
      assertEquals(await post(runner, name, ""), 202);
    }
    await eventually(() => runner.log.filter(begun).length === 4 && functionProcesses(runner.pid).length === 7);
    const pids = functionProcesses(runner.pid).map(({ pid }) => pid);
    assertEquals(await orphansOf(runner, pids), []);
  },
});

Deno.test({
  name: "no function's process outlives a runner that is killed while it starts one",
  ignore: !LINUX,
  async fn() {
    await using place = await BrokerPlace.make();
    await using functions = await folder({
      "looping.ts": "export const config = { instances: 8, warm: true }; export default () => { for (;;); };",
    });
    await using runner = await startServing({ functionsDir: functions.path, env: place.env });
    await eventually(() => functionProcesses(runner.pid).length === 1);
    const seen = new Set<number>();
    await Promise.all(Array.from({ length: 8 }, () => post(runner, "looping", "")));
    await eventually(() => {
      for (const { pid } of functionProcesses(runner.pid)) seen.add(pid);
      return seen.size > 2;
    }, { interval: 1 });
    for (const { pid } of functionProcesses(runner.pid)) seen.add(pid);
    assertEquals(await orphansOf(runner, [...seen]), []);
  },
});

Deno.test({
  name: "Ctrl-C for the whole group lets every handler drain, and leaves nothing",
  ignore: !LINUX,
  async fn() {
    await using place = await BrokerPlace.make();
    await using gate = await Gate.make();
    await using functions = await folder({ "gated.ts": gate.functionFor("gated") });
    await using runner = await startServing({ functionsDir: functions.path, env: place.env });
    assertEquals(await post(runner, "gated", "in flight"), 202);
    await runner.waitForLog(begun);
    const group = descendants(runner.pid).map(({ pid }) => pid);

    for (const pid of [...group, runner.pid]) Deno.kill(pid, "SIGINT");
    await runner.waitForLog(({ message }) => message.includes("draining for up to"));
    assert(group.every(alive), "something did not wait");
    await gate.open();

    assertEquals((await runner.status).code, 0);
    assertEquals(handledBy(runner).map(({ body }) => body), ["in flight"]);
    assertEquals(runner.log.filter(({ level }) => level === "error" || level === "warn"), []);
    await eventually(() => !group.some(alive));
  },
});

Deno.test({
  name: "a runner that stops leaves no process, also where handlers do not stop",
  ignore: !LINUX,
  async fn() {
    await using place = await BrokerPlace.make();
    await using functions = await folder({
      "looping.ts": `
        export const config = { instances: 2 };
        export default (_, { log }) => { log.info("begun"); setTimeout(() => { for (;;); }, 50); return new Promise(() => {}); };`,
    });
    const env = { ...place.env, DRAIN_TIMEOUT: "200ms" };
    await using runner = await startServing({ functionsDir: functions.path, env });
    for (let i = 0; i < 2; i++) assertEquals(await post(runner, "looping", ""), 202);
    await eventually(() => runner.log.filter(begun).length === 2);
    const pids = descendants(runner.pid).map(({ pid }) => pid);
    runner.kill("SIGTERM");
    assertEquals((await runner.status).code, 0);
    await eventually(() => !pids.some(alive), { timeout: 1_000 });
  },
});
