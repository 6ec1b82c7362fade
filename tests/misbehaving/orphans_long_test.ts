import { assert, assertEquals } from "@std/assert";
import { folder } from "../loader/folder.ts";
import { BrokerClient } from "../support/broker_client.ts";
import { eventually } from "../support/eventually.ts";
import { BrokerPlace } from "../support/hosted_broker.ts";
import { seen, startServing } from "../support/serving.ts";
import { descendants, functionProcesses, LINUX } from "./processes.ts";

const NAMES = ["a", "b", "c", "d"];
/** Of each function, at a time. */
const MESSAGES = 150;
/** In all: now and then one runs a second message. */
const PROCESSES = 1_000;

/** Each message in a process of its own. */
const BRIEF = `
  export const config = { concurrency: 1, idle: 0 };
  export default async (message, { log }) => {
    log.info("ran", { pid: Deno.pid, entry: decodeURIComponent(Deno.mainModule) });
  };`;

Deno.test({
  name: "a thousand replaced processes leave no zombie, no socket, and no more open files",
  ignore: !LINUX,
  async fn() {
    await using place = await BrokerPlace.make();
    await using functions = await folder(Object.fromEntries(NAMES.map((name) => [`${name}.ts`, BRIEF])));
    await using runner = await startServing({ functionsDir: functions.path, env: place.env });
    await using client = await BrokerClient.connect(place.url);
    const run = async (count: number) => {
      const before = (await seen(runner)).a.counts.completed;
      for (const name of NAMES) await client.publish(name, Array(count).fill("x"));
      const done = async () =>
        Object.values(await seen(runner)).every(({ counts }) => counts.completed === before + count);
      await eventually(done, { timeout: 300_000, interval: 200 });
      await eventually(() => functionProcesses(runner.pid).length === 0);
    };
    const openFiles = () => [...Deno.readDirSync(`/proc/${runner.pid}/fd`)].length;

    await run(3);
    const before = openFiles();
    const ran = () => runner.log.filter(({ message }) => message === "ran");
    while (new Set(ran().map(({ pid }) => pid)).size < PROCESSES) await run(MESSAGES);

    assertEquals(descendants(runner.pid).filter(({ state }) => state === "Z"), []);
    const socket = /"(\/[^"]+)\/\d+\.sock"/.exec(String(ran()[0].entry))?.[1];
    assert(socket);
    assertEquals([...Deno.readDirSync(socket)].filter(({ name }) => name.endsWith(".sock")), []);
    await eventually(() => openFiles() <= before + 4, { what: `no more than ${before} open files` });
  },
});
