import { assert, assertEquals } from "@std/assert";
import { join } from "node:path";
import { cancel } from "../../lib/cli/cancel.ts";
import { check } from "../../lib/cli/check/check.ts";
import type { Command } from "../../lib/cli/command.ts";
import { dead } from "../../lib/cli/dead/dead.ts";
import { doctor } from "../../lib/cli/doctor/doctor.ts";
import { invoke } from "../../lib/cli/invoke/invoke.ts";
import { create } from "../../lib/cli/new.ts";
import { pause, resume } from "../../lib/cli/operate/pause.ts";
import { runNow } from "../../lib/cli/operate/run_now.ts";
import { status } from "../../lib/cli/operate/status.ts";
import { cache } from "../../lib/cli/project/cache.ts";
import { init } from "../../lib/cli/project/init.ts";
import { types } from "../../lib/cli/project/types.ts";
import { publish } from "../../lib/cli/publish.ts";
import { queue } from "../../lib/cli/queue/queue.ts";
import { logs } from "../../lib/cli/runs/logs.ts";
import { runs } from "../../lib/cli/runs/runs.ts";
import { folder } from "../loader/folder.ts";
import { BrokerClient } from "../support/broker_client.ts";
import { brokerTest } from "../support/brokers.ts";
import { eventually } from "../support/eventually.ts";
import { startServing } from "../support/serving.ts";
import { runCommand, runMain } from "./run_command.ts";

/** They print no results, or, as `top`, have a test of their own. */
const OTHERS = ["start", "broker", "help", "top"];

brokerTest("every command that prints results prints them as JSON with --json, one document a line", async (url) => {
  await using broker = await BrokerClient.connect(url);
  const [work, bad] = [broker.queue("hello"), broker.queue("bad")];
  await using functions = await folder({
    "hello.ts": `export const config = { queue: "${work}" };
      export default (message, context) => context.log.info("hello");`,
    "bad.ts": `export const config = { queue: "${bad}", retry: { attempts: 1 } };
      export default () => { throw new Error("no"); };`,
    "later.ts": `export const config = { queue: "${broker.queue("later")}", retry: ["1h"] };
      export default () => { throw new Error("not yet"); };`,
    "nightly.ts": `export const config = { queue: "${broker.queue("nightly")}", schedule: "0 0 1 1 *" };
      export default () => {};`,
  });
  await using data = await folder({});
  const vars = { AMQP_URL: url, FUNCTIONS_DIR: functions.path, WARREN_DATA: data.path };
  await using runner = await startServing({
    amqpUrl: url,
    functionsDir: functions.path,
    env: { WARREN_DATA: data.path },
  });
  const env = { ...vars, PORT: new URL(runner.url).port };
  await broker.publish(work, ["1"], { messageId: "m1", contentType: "text/plain" });
  await broker.publish(bad, ["1"], { messageId: "m2", contentType: "text/plain" });
  const ran = async (id: string) => (await (await fetch(`${runner.url}/runs?id=${id}`)).json()).items[0]?.id;
  const run = await eventually(() => ran("m1"));
  await eventually(() => ran("m2"));

  const table: Record<string, [Command, ...string[][]]> = {
    publish: [publish, [work, "1"]],
    invoke: [invoke, ["hello", "1"]],
    runs: [runs, [], ["show", run]],
    logs: [logs, ["hello"]],
    dead: [dead, ["list", bad], ["show", bad, "--id", "m2"], ["redrive", bad, "--dry-run"], [
      "purge",
      bad,
      "--dry-run",
    ]],
    queue: [queue, ["list"]],
    pause: [pause, ["hello", "--here"]],
    "run-now": [runNow, ["nightly"]],
    resume: [resume, ["hello", "--here"]],
    status: [status, []],
    check: [check, []],
    doctor: [doctor, []],
    init: [init, [join(data.path, "project")]],
    new: [create, ["fresh"]],
    types: [types, ["--out", join(data.path, "a.ts")], ["--out", join(data.path, "a.ts"), "--check"], ["--out", "-"]],
    cache: [cache, []],
    cancel: [cancel],
  };
  const { stdout: help } = await runMain(["help"]);
  const names = [...help.matchAll(/^ {2}([a-z][a-z-]*) {2,}/gm)].map(([, name]) => name);
  assert(names.length > 10, help);
  assertEquals(names.filter((name) => !OTHERS.includes(name)).toSorted(), Object.keys(table).toSorted());

  for (const [name, [command, ...calls]] of Object.entries(table)) {
    assert(command.flags?.some(({ flag }) => flag === "json"), `${name} has no --json`);
    for (const args of calls) {
      const of = name === "new" ? { ...env, FUNCTIONS_DIR: join(data.path, "functions") } : env;
      const { stdout } = await runCommand(command, [...args, "--json"], of);
      const what = `${name} ${args.join(" ")}`;
      assert(stdout !== "", `${what} prints nothing`);
      for (const line of stdout.split("\n")) {
        try {
          assertEquals(typeof JSON.parse(line), "object", what);
        } catch {
          throw new Error(`${what} printed what is not JSON: ${line}`);
        }
      }
    }
  }
});
