import { assertEquals, assertStringIncludes } from "@std/assert";
import { folder } from "../loader/folder.ts";
import { BrokerClient } from "../support/broker_client.ts";
import { BrokerPlace } from "../support/hosted_broker.ts";
import { type LogLine, RunnerProcess } from "../support/runner_process.ts";
import { handledBy, isHandled, startServing } from "../support/serving.ts";
import { runMain } from "./run_command.ts";

const running = ({ message }: LogLine) => message.startsWith("broker at");

Deno.test("broker runs a broker alone until a signal, and says where", async () => {
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    await using place = await BrokerPlace.make();
    await using broker = new RunnerProcess({ args: ["broker"], env: place.env });
    const { message } = await broker.waitForLog(running);
    for (const part of [`amqp://127.0.0.1:${place.port}`, `ws://127.0.0.1:${place.port + 1}`, place.dataDir]) {
      assertStringIncludes(message, part);
    }
    await using client = await BrokerClient.connect(place.url);
    await client.declare(client.queue());
    broker.kill(signal);
    assertEquals((await broker.status).code, 0);
  }
});

Deno.test("broker that others may reach says where it listens", async () => {
  await using place = await BrokerPlace.make();
  const env = { ...place.env, BROKER_HOST: "0.0.0.0", BROKER_USERS: "warren:s3cret" };
  await using broker = new RunnerProcess({ args: ["broker"], env });
  const { message } = await broker.waitForLog(running);
  assertStringIncludes(message, `amqp://0.0.0.0:${place.port} and ws://0.0.0.0:`);
});

Deno.test("broker keeps its messages for the next time, and a runner joins it", async () => {
  await using place = await BrokerPlace.make();
  {
    await using broker = new RunnerProcess({ args: ["broker"], env: place.env });
    await broker.waitForLog(running);
    await using client = await BrokerClient.connect(place.url);
    await client.declare("kept");
    await client.publish("kept", ["x"]);
    broker.kill();
    await broker.status;
  }
  await using broker = new RunnerProcess({ args: ["broker"], env: place.env });
  await broker.waitForLog(running);
  await using functions = await folder({
    "kept.ts": `export default (message, context) => context.log.info("handled", { body: message.body });`,
  });
  await using runner = await startServing({ functionsDir: functions.path, env: place.env });
  await runner.waitForLog(({ message }) => message.startsWith("joined"));
  await runner.waitForLog(isHandled);
  assertEquals(handledBy(runner).map(({ body }) => body), ["x"]);
  assertEquals(await place.processes(), []);
});

Deno.test("broker on a port that is taken, or open to others without users, ends with 2 and the mend", async () => {
  await using place = await BrokerPlace.make();
  using _taken = Deno.listen({ hostname: "127.0.0.1", port: place.port });
  const taken = await runMain(["broker"], place.env);
  assertEquals(taken.code, 2);
  assertStringIncludes(taken.stderr, `127.0.0.1:${place.port}`);
  assertStringIncludes(taken.stderr, "--broker-port");
  const open = await runMain(["broker", "--broker-host", "0.0.0.0", "--broker-port", "0"], place.env);
  assertEquals(open.code, 2);
  assertStringIncludes(open.stderr, "BROKER_USERS");
});

Deno.test("publish without AMQP_URL goes to the broker of this machine, and says how to start one", async () => {
  await using place = await BrokerPlace.make();
  const alone = await runMain(["publish", "kept", "0"], place.env);
  assertEquals(alone.code, 1);
  for (const part of [`127.0.0.1:${place.port}`, "deno task start", "deno task broker"]) {
    assertStringIncludes(alone.stderr, part);
  }
  await using broker = new RunnerProcess({ args: ["broker"], env: place.env });
  await broker.waitForLog(running);
  await using client = await BrokerClient.connect(place.url);
  await client.declare("kept");
  assertEquals((await runMain(["publish", "kept", "0"], place.env)).code, 0);
  assertEquals((await client.take("kept")).bodyString(), "0");
});
