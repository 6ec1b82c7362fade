import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { probe } from "../../lib/amqp/client/probe.ts";
import { BrokerHost, type BrokerHostOptions } from "../../lib/hosting/broker_host.ts";
import { WarrenError } from "../../lib/base/errors.ts";
import { Logger } from "../../lib/base/log.ts";
import { eventually } from "../support/eventually.ts";
import { BrokerPlace } from "../support/hosted_broker.ts";
import { rabbitmqTest } from "../support/rabbitmq.ts";

/** A host, stopped at the end, and what it logs. */
class Hosting implements AsyncDisposable {
  readonly host: BrokerHost;
  readonly lines: string[] = [];

  constructor(options: Partial<BrokerHostOptions> & Pick<BrokerHostOptions, "port" | "dataDir">) {
    const write = (line: string) => void this.lines.push(JSON.parse(line).message);
    this.host = new BrokerHost({
      mode: "auto",
      host: "127.0.0.1",
      wsPort: 0,
      wsPortAsked: false,
      users: {},
      memoryLimit: 512 * 1024 * 1024,
      diskFreeLimit: 0,
      version: "1.2.3",
      ...options,
      log: new Logger({ level: "info", write }),
    });
  }

  /** Waits until it has seen that its broker is gone. */
  async ended(): Promise<void> {
    await eventually(() => this.lines.some((line) => line.startsWith("the embedded broker ended")));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.host.stop();
  }
}

async function kindAt(port: number): Promise<string> {
  return (await probe("127.0.0.1", port)).kind;
}

async function failure(host: BrokerHost): Promise<WarrenError> {
  return await assertRejects(() => host.ensure(), WarrenError);
}

Deno.test("where nothing listens the embedded broker is started, and ends with its host", async () => {
  await using place = await BrokerPlace.make();
  await using hosting = new Hosting(place);

  await hosting.host.ensure();

  assertEquals(await probe("127.0.0.1", place.port), {
    kind: "broker",
    broker: { product: "Warren", version: "1.2.3" },
  });
  assertEquals(hosting.lines, [`embedded broker at 127.0.0.1:${place.port}, data in ${place.dataDir}`]);
  await hosting.host.stop();
  assertEquals([await kindAt(place.port), await place.processes()], ["nothing", []]);
});

Deno.test("a broker that others reach is said to listen where it does, not where this machine looks for it", async () => {
  await using place = await BrokerPlace.make();
  await using hosting = new Hosting({ ...place, host: "0.0.0.0", users: { warren: "s3cret" } });

  await hosting.host.ensure();

  assertEquals(hosting.lines, [`embedded broker at 0.0.0.0:${place.port}, data in ${place.dataDir}`]);
  assertEquals(hosting.host.address, { hostname: "127.0.0.1", port: place.port });
});

Deno.test("calls at the same time start one broker", async () => {
  await using place = await BrokerPlace.make();
  await using hosting = new Hosting(place);
  await Promise.all([hosting.host.ensure(), hosting.host.ensure(), hosting.host.ensure()]);
  assertEquals([(await place.processes()).length, hosting.lines.length], [1, 1]);
});

Deno.test("hosts that start at the same time share one broker", async () => {
  await using place = await BrokerPlace.make();
  await using stack = new AsyncDisposableStack();
  const hosts = [1, 2, 3, 4].map(() => stack.use(new Hosting(place)));
  await Promise.all(hosts.map(({ host }) => host.ensure()));
  const told = hosts.flatMap(({ lines }) => lines).map((line) => line.split(" ")[0]).sort();
  assertEquals(told, ["embedded", "joined", "joined", "joined"]);
  assertEquals((await place.processes()).length, 1);
});

Deno.test("when the process that hosts stops, another takes over with the same data", async () => {
  await using place = await BrokerPlace.make();
  await using first = new Hosting(place);
  await using second = new Hosting(place);
  await first.host.ensure();
  await second.host.ensure();

  await first.host.stop();
  await second.host.ensure();

  assertEquals(second.lines, [
    `joined the embedded broker of another process at 127.0.0.1:${place.port}`,
    `embedded broker at 127.0.0.1:${place.port}, data in ${place.dataDir}`,
  ]);
});

Deno.test("a broker that is killed is told, and started again", async () => {
  await using place = await BrokerPlace.make();
  await using hosting = new Hosting(place);
  await hosting.host.ensure();
  const [before] = await place.processes();

  await place.kill();
  await hosting.ended();
  await hosting.host.ensure();

  const [after] = await place.processes();
  assert(after !== undefined && after !== before);
  assertEquals(hosting.lines.slice(1), [
    `the embedded broker ended: killed by SIGKILL; its data is in ${place.dataDir}`,
    `embedded broker at 127.0.0.1:${place.port}, data in ${place.dataDir}`,
  ]);
});

Deno.test("port 0 is any, and stays the same when the broker is started again", async () => {
  await using place = await BrokerPlace.make();
  await using hosting = new Hosting({ port: 0, dataDir: place.dataDir });
  await hosting.host.ensure();
  const { port } = hosting.host.address;
  assert(port > 0);
  await place.kill();
  await hosting.ended();
  await hosting.host.ensure();
  assertEquals([hosting.host.address.port, await kindAt(port)], [port, "broker"]);
});

rabbitmqTest("RabbitMQ: a broker that is there already is used", async (url) => {
  await using place = await BrokerPlace.make();
  const { hostname, port } = new URL(url);
  await using hosting = new Hosting({ host: hostname, port: Number(port), dataDir: place.dataDir });
  await hosting.host.ensure();
  await hosting.host.ensure();
  assertEquals(hosting.lines.length, 1);
  assertMatch(hosting.lines[0], /^using RabbitMQ \d+\.\d+\.\d+ at 127\.0\.0\.1:\d+$/);
});

rabbitmqTest(
  "RabbitMQ: --broker embedded uses nobody else's broker, and says whose it is and what to do",
  async (url) => {
    await using place = await BrokerPlace.make();
    const { hostname, port } = new URL(url);
    const options = { mode: "embedded", host: hostname, port: Number(port), dataDir: place.dataDir } as const;
    await using hosting = new Hosting(options);
    const error = await failure(hosting.host);
    assertEquals(error.code, "config");
    for (const part of [`${hostname}:${port}`, "RabbitMQ", "--broker-port"]) assertStringIncludes(error.message, part);
  },
);

Deno.test("something at the port that is no broker is an error that names the port and the mend", async () => {
  await using place = await BrokerPlace.make();
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, () => new Response());
  const { port } = server.addr;
  await using hosting = new Hosting({ port, dataDir: place.dataDir });
  const error = await failure(hosting.host);
  assertEquals(error.code, "config");
  for (const part of [`127.0.0.1:${port}`, "--broker-port", "AMQP_URL"]) assertStringIncludes(error.message, part);
  assertEquals(await place.processes(), []);
});

// Linux alone has all of 127.0.0.0/8 on loopback.
const onLinux = { ignore: Deno.build.os !== "linux" };
Deno.test("a port that is taken where the probe does not look is an error, and no endless loop", onLinux, async () => {
  await using place = await BrokerPlace.make();
  using _taken = Deno.listen({ hostname: "127.0.0.2", port: place.port });
  const users = { ann: "x" };
  await using hosting = new Hosting({ host: "0.0.0.0", port: place.port, dataDir: place.dataDir, users });
  const error = await failure(hosting.host);
  assertEquals(error.code, "config");
  assertStringIncludes(error.message, `0.0.0.0:${place.port} is taken`);
});

Deno.test("settings that the broker refuses are an error of the settings", async () => {
  await using place = await BrokerPlace.make();
  await using hosting = new Hosting({ host: "0.0.0.0", port: place.port, dataDir: place.dataDir });
  const error = await failure(hosting.host);
  assertEquals(error.code, "config");
  assertStringIncludes(error.message, "BROKER_USERS");
});

Deno.test("data that cannot be used is told once, with its folder, and tried ever more slowly", async () => {
  await using place = await BrokerPlace.make();
  const file = `${place.dataDir}/file`;
  await Deno.writeTextFile(file, "");
  await using hosting = new Hosting({ port: place.port, dataDir: file });

  const started = performance.now();
  for (let tries = 0; tries < 3; tries++) {
    const error = await failure(hosting.host);
    assertEquals(error.code, "storage");
    assertStringIncludes(error.message, file);
  }

  assert(performance.now() - started > 2_000, `three tries within ${performance.now() - started} ms`);
  assertEquals(hosting.lines.length, 1);
});

Deno.test("a process that has the data is waited for while it ends", async () => {
  await using place = await BrokerPlace.make();
  await using other = await BrokerPlace.make();
  await using first = new Hosting(place);
  await using second = new Hosting({ port: other.port, dataDir: place.dataDir });
  await first.host.ensure();

  const taking = second.host.ensure();
  await first.host.stop();
  await taking;

  assertStringIncludes(second.lines[0], `embedded broker at 127.0.0.1:${other.port}`);
});

Deno.test("a host that is stopped starts nothing, and stops what it was starting", async () => {
  await using place = await BrokerPlace.make();
  await using hosting = new Hosting(place);
  const ensuring = hosting.host.ensure().catch((error) => error.code);
  await hosting.host.stop();
  assertEquals(await ensuring, "unavailable");
  assertEquals((await failure(hosting.host)).code, "unavailable");
  await eventually(async () => (await place.processes()).length === 0);
});
