import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { WarrenError } from "../../../lib/base/errors.ts";
import { cancel } from "../../../lib/cli/cancel.ts";
import { queue } from "../../../lib/cli/queue/queue.ts";
import { folder } from "../../loader/folder.ts";
import { BrokerClient } from "../../support/broker_client.ts";
import { EmbeddedBroker } from "../../support/embedded_broker.ts";
import { eventually } from "../../support/eventually.ts";
import { startServing } from "../../support/serving.ts";
import { runCommand, runMain } from "../run_command.ts";

Deno.test("what is typed wrong is said before anything is done", async () => {
  const wrong: [args: string[], says: string][] = [
    [[], "found nothing"],
    [["purge"], "queue needs list, purge NAME or return; found purge"],
    [["list", "hello"], "found list hello"],
    [["toString"], "found toString"],
    [["list", "--yes"], "queue list takes no --yes"],
    [["purge", "hello"], "say --yes"],
  ];
  for (const [args, says] of wrong) {
    const error = await assertRejects(() => runCommand(queue, args), WarrenError, says);
    assertEquals(error.code, "config");
  }
  for (const args of [[], [""], ["a", "b"]]) {
    await assertRejects(() => runCommand(cancel, args), WarrenError, "cancel takes one message id");
  }
});

Deno.test("the list shows what waits and for whom, orphans are put back, and a queue is purged by its function", async () => {
  // Orphans are shared by all that use a broker, so this test has its own.
  await using embedded = await EmbeddedBroker.launch();
  await using broker = await BrokerClient.connect(embedded.url);
  await using functions = await folder({
    "pay.ts": `export const config = { queue: "payments", retry: ["5h"] }; export default () => {};`,
    "broken.ts": "export default 1 +;",
  });
  const env = { AMQP_URL: embedded.url, FUNCTIONS_DIR: functions.path };
  {
    await using runner = await startServing({ amqpUrl: embedded.url, functionsDir: functions.path });
    runner.kill("SIGTERM");
    await runner.status;
  }
  await broker.publish("payments", ["1", "2"]);
  await broker.publish("payments.dead", ["3"]);
  await broker.publishTo("warren.dispatch", "gone", "4", { messageId: "m-4" });
  await eventually(async () => (await broker.count("warren.orphans")).messages === 1);

  const { stdout, code } = await runMain(["queue", "list"], env);
  const [head, row, ...rest] = stdout.split("\n");
  assertEquals([code, head.trim().split(/ {2,}/)], [
    0,
    ["function", "queue", "ready", "in flight", "dead", "oldest", "consumers"],
  ]);
  assertEquals(row.trim().split(/ {2,}/), ["pay", "payments", "2", "-", "1", "-", "0"]);
  assertStringIncludes(rest.join("\n"), "warren.orphans: 1 retries and delayed messages whose queue was gone");

  const missing = await runCommand(queue, ["return"], env);
  assertEquals([missing.code, missing.stdout, missing.stderr], [
    3,
    "0 of 1 orphans are back in their queues",
    '1 wait for queue "gone", which is not there',
  ]);
  await broker.declare("gone");
  assertEquals((await runMain(["queue", "return"], env)).stdout.trim(), "1 of 1 orphans are back in their queues");
  assertEquals((await broker.take("gone")).properties.messageId, "m-4");

  const purged = await runMain(["queue", "purge", "pay", "--yes"], env);
  assertEquals([purged.code, (await broker.count("payments")).messages], [0, 0]);
  // By its own name, and without the folder.
  const dead = await runCommand(queue, ["purge", "payments.dead", "--yes", "--json"], {
    ...env,
    FUNCTIONS_DIR: `${functions.path}/nowhere`,
  });
  assertEquals(JSON.parse(dead.stdout).purged, 1);
  await assertRejects(() => runCommand(cancel, ["m-4"], env), WarrenError, 'no message with the id "m-4" waits');
});
