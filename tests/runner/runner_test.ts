import { assertEquals } from "@std/assert";
import { parseArguments } from "../../lib/settings/config.ts";
import { Logger } from "../../lib/base/log.ts";
import { Runner } from "../../lib/runner/runner.ts";
import { folder } from "../loader/folder.ts";
import { embeddedTest } from "../support/brokers.ts";
import { eventually } from "../support/eventually.ts";

// What a runner leaves behind (a server, a process, a timer, a connection) fails a test by itself.

/** A runner with one function that is warm and has a schedule, and its log. */
async function runnerOf(amqpUrl: string) {
  const functions = await folder({
    "warm.ts": `export const config = { warm: true, schedule: "0 0 1 1 *" };\nexport default () => {};`,
  });
  const data = await folder();
  const env = { AMQP_URL: amqpUrl, FUNCTIONS_DIR: functions.path, PORT: "0", WARREN_DATA: data.path, WATCH: "false" };
  const { options } = parseArguments([], env);
  const lines: string[] = [];
  const log = new Logger({ write: (line) => void lines.push(JSON.parse(line).message) });
  const runner = new Runner(options, log);
  const gone = async () => {
    await functions[Symbol.asyncDispose]();
    await data[Symbol.asyncDispose]();
  };
  return { runner, lines, [Symbol.asyncDispose]: gone };
}

embeddedTest("a runner that is stopped while it starts never serves HTTP, and leaves nothing", async (url) => {
  await using made = await runnerOf(url);
  const { runner, lines } = made;
  const started = runner.start();
  await runner.stop();
  await started;
  assertEquals(lines.filter((line) => line.startsWith("HTTP API")), []);
  assertEquals([runner.view.ready().ready, lines.at(-1)], [false, "stopped"]);
});

embeddedTest("a runner that is stopped while its functions warm up leaves nothing", async (url) => {
  await using made = await runnerOf(url);
  const { runner, lines } = made;
  await runner.start();
  await eventually(() => runner.view.functions()[0]?.processes === 1);
  await runner.stop();
  assertEquals(lines.at(-1), "stopped");
});

Deno.test("a runner that is stopped while it waits for a broker leaves nothing", async () => {
  await using made = await runnerOf("amqp://guest:guest@127.0.0.1:1");
  await made.runner.start();
  await made.runner.stop();
  assertEquals(made.lines.at(-1), "stopped");
});
