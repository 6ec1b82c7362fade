import { assertEquals, assertStringIncludes } from "@std/assert";
import { knownDifferences } from "../../lib/amqp/client/known_brokers.ts";
import { folder } from "../loader/folder.ts";
import { BrokerClient } from "../support/broker_client.ts";
import { brokerIdentity } from "../support/broker_version.ts";
import { brokerTest } from "../support/brokers.ts";
import { eventually } from "../support/eventually.ts";
import { startServing } from "../support/serving.ts";
import { runMain } from "./run_command.ts";

function waiting(queue: string, retry: string, more = ""): string {
  return `export const config = { queue: "${queue}", retry: ${retry}${more} };
    export default () => { throw new Error("later"); };`;
}

brokerTest("check --topology tells what a changed retry, schedule or order left on the broker", async (url) => {
  await using broker = await BrokerClient.connect(url);
  const queue = broker.queue("topology");
  broker.own(`warren.schedule.${queue}`);
  for (const at of [0, 1]) broker.own(`${queue}.p${at}`);
  // A delay that no other test has.
  const rung = "warren.retry.4700000";
  await using functions = await folder({
    "waiting.ts": waiting(queue, `["4700s"]`, `, schedule: "0 3 * * *"`),
    "ordered.ts": waiting(`${queue}.ordered`, `["1s"]`, `, order: { by: "routingKey", partitions: 2 }`),
  });
  broker.own(`${queue}.ordered`);
  for (const at of [0, 1]) broker.own(`${queue}.ordered.p${at}`);
  broker.own(`warren.members.${queue}.ordered`);
  {
    await using runner = await startServing({ amqpUrl: url, functionsDir: functions.path });
    await broker.publish(queue, ["x"]);
    await eventually(async () => (await broker.count(rung)).messages > 0);
    runner.kill("SIGTERM");
    await runner.status;
  }
  const check = async (...args: string[]) => {
    const flags = ["--topology", ...args, "--functions-dir", functions.path];
    const { code, stdout } = await runMain(["check", ...flags], { AMQP_URL: url });
    assertEquals(code, 0);
    return stdout;
  };

  assertStringIncludes(lineOf(await check(), rung), "retries of waiting");
  await Deno.writeTextFile(`${functions.path}/waiting.ts`, waiting(queue, `["1s"]`));
  await Deno.writeTextFile(`${functions.path}/ordered.ts`, waiting(`${queue}.ordered`, `["1s"]`));

  // What was routed into a partition, in which nobody consumes any more.
  await broker.publish(`${queue}.ordered.p1`, ["x"]);
  await eventually(async () => (await broker.count(`${queue}.ordered.p1`)).messages === 1);
  const text = await check();
  assertStringIncludes(lineOf(text, rung), "waiting  not needed: no retry policy has this delay");
  assertStringIncludes(lineOf(text, `warren.schedule.${queue}`), "not needed: waiting has no schedule any more");
  assertStringIncludes(lineOf(text, `${queue}.ordered.p0`), "not needed: ordered has no order any more");
  assertStringIncludes(lineOf(text, `${queue}.ordered.p1`), "1 waiting  not needed: ordered has no order any more");
  assertStringIncludes(lineOf(text, `warren.members.${queue}.ordered`), "not needed: ordered has no order any more");
  const { topology } = JSON.parse(await check("--json"));
  const found = topology.find(({ name }: { name: string }) => name === rung);
  assertEquals([found.neededBy, found.messages > 0], [[], true]);
  await broker.delete(rung);
  await broker.deleteExchange(rung);
});

brokerTest("check --topology says which broker it is and what differs on it", async (url) => {
  await using functions = await folder({});
  const identity = await brokerIdentity(url);
  const differences = knownDifferences(identity).map(({ id, text }) => ({ id, text }));
  const flags = ["check", "--topology", "--functions-dir", functions.path];

  const { stdout } = await runMain(flags, { AMQP_URL: url });
  const lines = [`broker: ${identity.product} ${identity.version}`, ...differences.map(({ text }) => `  ${text}`)];
  assertStringIncludes(stdout, [...lines, "on the broker"].join("\n"));

  const { stdout: json } = await runMain([...flags, "--json"], { AMQP_URL: url });
  assertEquals(JSON.parse(json).broker, { ...identity, differences });
});

brokerTest("a queue of delays that somebody deleted is declared again when it is needed", async (url) => {
  await using broker = await BrokerClient.connect(url);
  const queue = broker.queue("topology");
  const target = broker.queue("target");
  const rung = "warren.retry.470";
  await broker.declare(target);
  await using functions = await folder({
    "delaying.ts": `export const config = { queue: "${queue}" };
      export default (message, context) => context.publish("x", { routingKey: "${target}", delay: 470 });`,
  });
  await using _ = await startServing({ amqpUrl: url, functionsDir: functions.path });

  for (const step of ["first", "queue", "exchange"]) {
    if (step === "queue") await broker.delete(rung);
    if (step === "exchange") await broker.deleteExchange(rung);
    await broker.publish(queue, [step], { messageId: step });
    assertEquals((await broker.take(target)).properties.messageId, `${step}/0`);
  }
  assertEquals((await broker.count(`${queue}.dead`)).messages, 0);
  await broker.delete(rung);
  await broker.deleteExchange(rung);
});

function lineOf(text: string, name: string): string {
  return text.split("\n").find((line) => line.trim().startsWith(`${name} `)) ?? `no line for ${name} in ${text}`;
}
