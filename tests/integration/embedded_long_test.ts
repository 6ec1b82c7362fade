import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { AMQPWebSocketClient } from "@cloudamqp/amqp-client";
import { probe } from "../../lib/amqp/client/probe.ts";
import { folder } from "../loader/folder.ts";
import { BrokerClient } from "../support/broker_client.ts";
import { eventually } from "../support/eventually.ts";
import { Gate } from "../support/gate.ts";
import { BrokerPlace } from "../support/hosted_broker.ts";
import { type LogLine, RunnerProcess, startRunner } from "../support/runner_process.ts";
import { handledBy, isHandled, post, startServing, untilReady } from "../support/serving.ts";

const TELLING = `
  export default (message, context) => context.log.info("handled", { body: message.body });`;

const begun = ({ message }: LogLine) => message === "begun";
const isHosting = ({ message }: LogLine) => message.startsWith("embedded broker at");

/** The line that says how it ended, when it could not start. */
const verdict = ({ message }: LogLine) => message.startsWith("warren: ");

async function kindAt(port: number): Promise<string> {
  return (await probe("127.0.0.1", port)).kind;
}

Deno.test("with nothing installed and nothing set, a function gets its message, and what is left is gone", async () => {
  await using place = await BrokerPlace.make();
  await using functions = await folder({ "telling.ts": TELLING });
  await using runner = await startServing({ functionsDir: functions.path, env: place.env });
  assertEquals(await post(runner, "telling", "x"), 202);
  assertEquals((await runner.waitForLog(isHandled)).body, "x");

  runner.kill("SIGTERM");

  assertEquals((await runner.status).code, 0);
  assertEquals([await kindAt(place.port), await place.processes()], ["nothing", []]);
  assertEquals(runner.log.filter(({ level }) => level === "error" || level === "warn"), []);
});

Deno.test("messages outlive the runner and its broker, also when both are killed", async () => {
  await using place = await BrokerPlace.make();
  await using gate = await Gate.make();
  await using functions = await folder({ "gated.ts": gate.functionFor("gated") });
  const options = { functionsDir: functions.path, env: place.env };
  await using first = await startServing(options);
  assertEquals(await post(first, "gated", "in flight"), 202);
  assertEquals(await post(first, "gated", "waiting"), 202);
  await first.waitForLog(begun);

  await place.kill();
  first.kill("SIGKILL");
  await first.status;
  await gate.open();
  await using second = await startServing(options);

  await eventually(() => handledBy(second).length === 2);
  assertEquals(handledBy(second).map(({ body }) => body), ["in flight", "waiting"]);
});

Deno.test("two runners share one broker, and within two seconds of the host's kill the other has taken over", async () => {
  await using place = await BrokerPlace.make();
  await using gate = await Gate.make();
  await using functions = await folder({ "telling.ts": TELLING, "gated.ts": gate.functionFor("gated") });
  const options = { functionsDir: functions.path, env: place.env };
  await using first = await startServing(options);
  assertEquals(await post(first, "gated", "in flight"), 202);
  await first.waitForLog(begun);
  await using second = await startServing(options);
  await second.waitForLog(({ message }) => message.startsWith("joined the embedded broker of another process"));

  await gate.open();
  first.kill("SIGKILL");
  const killed = performance.now();
  await second.waitForLog((line) => isHandled(line) && line.body === "in flight");
  assertEquals(await post(second, "telling", "after"), 202);
  await second.waitForLog((line) => isHandled(line) && line.body === "after");

  const took = performance.now() - killed;
  assert(took < 2_000, `it took ${took} ms`);
  assert(second.log.some(isHosting));
  assertEquals((await place.processes()).length, 1);
});

Deno.test("runners that start at the same moment share one broker", async () => {
  await using place = await BrokerPlace.make();
  await using functions = await folder({ "telling.ts": TELLING });
  await using stack = new AsyncDisposableStack();
  const options = { functionsDir: functions.path, env: place.env };
  const runners = await Promise.all([1, 2, 3].map(async () => stack.use(await startServing(options))));
  assertEquals(runners.filter((runner) => runner.log.some(isHosting)).length, 1);
  assertEquals((await place.processes()).length, 1);
});

Deno.test("a broker that is killed is back within two seconds, and nothing is lost", async () => {
  await using place = await BrokerPlace.make();
  await using gate = await Gate.make();
  await using functions = await folder({ "gated.ts": gate.functionFor("gated") });
  await using runner = await startServing({ functionsDir: functions.path, env: place.env });
  for (const body of ["1", "2"]) assertEquals(await post(runner, "gated", body), 202);
  await runner.waitForLog(begun);

  await gate.open();
  await place.kill();
  const killed = performance.now();
  await runner.waitForLog((line) => isHandled(line) && line.body === "2");

  assert(performance.now() - killed < 2_000, `it took ${performance.now() - killed} ms`);
});

Deno.test("the broker never outlives its runner, however that ends", async () => {
  await using functions = await folder({ "telling.ts": TELLING });
  for (const signal of ["SIGKILL", "SIGHUP", "SIGTERM"] as const) {
    await using place = await BrokerPlace.make();
    await using runner = await startServing({ functionsDir: functions.path, env: place.env });
    runner.kill(signal);
    await runner.status;
    await eventually(async () => (await place.processes()).length === 0, { timeout: 3_000, what: signal });
  }
});

Deno.test("Ctrl-C reaches the broker too, and it stays until the runner has drained", async () => {
  await using place = await BrokerPlace.make();
  await using gate = await Gate.make();
  await using functions = await folder({ "gated.ts": gate.functionFor("gated") });
  await using runner = await startServing({ functionsDir: functions.path, env: place.env });
  assertEquals(await post(runner, "gated", "in flight"), 202);
  await runner.waitForLog(begun);

  await place.kill("SIGINT");
  await place.kill("SIGTERM");
  runner.kill("SIGINT");
  await runner.waitForLog(({ message }) => message.includes("draining for up to"));
  assertEquals(await kindAt(place.port), "broker");
  await gate.open();

  assertEquals((await runner.status).code, 0);
  assertEquals(handledBy(runner).map(({ body }) => body), ["in flight"]);
  assertEquals(runner.log.filter(({ level }) => level === "error" || level === "warn"), []);
});

Deno.test("its users are its own: a runner joins as the first of them, and no secret is to be seen", async () => {
  await using place = await BrokerPlace.make();
  await using functions = await folder({ "telling.ts": TELLING });
  const env = { ...place.env, BROKER_USERS: "ann:s3cret/+,bob:hunter2", API_TOKEN: "t0ken" };
  await using runner = await startServing({ functionsDir: functions.path, env });
  await using second = await startServing({ functionsDir: functions.path, env });
  await using client = await BrokerClient.connect(place.url.replace("guest:guest", "bob:hunter2"));
  await client.publish("telling", ["x"]);
  await Promise.any([runner, second].map((one) => one.waitForLog(isHandled)));

  if (Deno.build.os === "linux") {
    const [pid] = await place.processes();
    const seen = await Deno.readTextFile(`/proc/${pid}/environ`) + await Deno.readTextFile(`/proc/${pid}/cmdline`);
    for (const secret of ["s3cret", "hunter2", "t0ken"]) assert(!seen.includes(secret), secret);
  }
  for (const { message } of runner.log) assert(!/s3cret|hunter2|t0ken/.test(message), message);
});

Deno.test("AMQP over the runner's own WebSocket reaches the embedded broker", async () => {
  await using place = await BrokerPlace.make();
  await using functions = await folder({ "telling.ts": TELLING });
  await using runner = await startServing({ functionsDir: functions.path, env: place.env });
  const client = new AMQPWebSocketClient({ url: `${runner.url.replace("http", "ws")}/ws/amqp` });
  await client.connect();
  const channel = await client.channel();
  await channel.basicPublish("", "telling", "from afar", { contentType: "text/plain" });
  assertEquals((await runner.waitForLog(isHandled)).body, "from afar");

  const closed = new Promise<void>((resolve) => client.ondisconnect = () => resolve());
  runner.kill("SIGTERM");
  assertEquals((await runner.status).code, 0);
  await closed;
});

Deno.test("something else at the port ends the start with the port and the mend", async () => {
  await using place = await BrokerPlace.make();
  await using _server = Deno.serve(
    { hostname: "127.0.0.1", port: place.port, onListen: () => {} },
    () => new Response(),
  );
  await using functions = await folder({});
  await using runner = new RunnerProcess({ functionsDir: functions.path, env: place.env });
  const { message } = await runner.waitForLog(verdict);
  assertStringIncludes(message, `127.0.0.1:${place.port}`);
  assertStringIncludes(message, "--broker-port");
  assertEquals((await runner.status).code, 2);
});

Deno.test("data that cannot be used leaves the runner up and not ready, and says which data", async () => {
  await using place = await BrokerPlace.make();
  const file = `${place.dataDir}/file`;
  await Deno.writeTextFile(file, "");
  await using functions = await folder({});
  const env = { ...place.env, WARREN_DATA: file };
  await using runner = await startRunner({ functionsDir: functions.path, env });
  await runner.waitForLog(({ level, message }) => level === "error" && message.includes(file));
  await eventually(async () => {
    const response = await fetch(`${runner.url}/readyz?verbose`);
    assertEquals(response.status, 503);
    assertStringIncludes(await response.text(), file);
    return true;
  });

  await Deno.remove(file);
  await untilReady(runner);
});

Deno.test("--broker none hosts nothing, and says that AMQP_URL is missing", async () => {
  await using place = await BrokerPlace.make();
  await using functions = await folder({});
  const env = { ...place.env, BROKER: "none" };
  await using runner = await startRunner({ functionsDir: functions.path, env });
  const { message } = await runner.waitForLog(({ level }) => level === "warn");
  assertStringIncludes(message, "AMQP_URL");
  await runner.waitForLog(({ message }) => message.includes("trying again in"));
  assertEquals(await place.processes(), []);
});

Deno.test("AMQP_URL and --broker embedded together are an error", async () => {
  await using functions = await folder({});
  const options = { amqpUrl: "amqp://127.0.0.1:1", functionsDir: functions.path, env: { BROKER: "embedded" } };
  await using runner = new RunnerProcess(options);
  assertMatch((await runner.waitForLog(verdict)).message, /AMQP_URL.*--broker embedded/);
  assertEquals((await runner.status).code, 2);
});
