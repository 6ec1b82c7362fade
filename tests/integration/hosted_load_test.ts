import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { folder } from "../loader/folder.ts";
import { BrokerClient } from "../support/broker_client.ts";
import { type Certificates, makeCertificates } from "../support/certificates.ts";
import { freePort } from "../support/free_port.ts";
import { type PrivateNode, privateNodeTest, startPrivateNode } from "../support/rabbitmq.ts";
import { Proxy } from "../support/proxy.ts";
import { RunnerProcess } from "../support/runner_process.ts";
import { isHandled, startServing } from "../support/serving.ts";
import { WebSocketRelay } from "../support/websocket_relay.ts";
import { telling } from "./telling.ts";

/** As hosting companies set a broker up: TLS alone for the world, a virtual host and a user for each customer. */
interface Hosted {
  node: PrivateNode;
  certificates: Certificates;
  tlsPort: number;
}

const [USER, PASSWORD, VHOST] = ["tenant", "p%20s", "tenant/one"];

function pathAndLogin(host: string): string {
  return `${USER}:${encodeURIComponent(PASSWORD)}@${host}/${encodeURIComponent(VHOST)}`;
}

async function setUp(node: PrivateNode): Promise<void> {
  await node.ctl("add_vhost", VHOST);
  await node.ctl("add_user", USER, PASSWORD);
  // Everything but the broker's own exchanges.
  await node.ctl("set_permissions", "-p", VHOST, USER, "^(?!amq\\.).*", ".*", ".*");
  await node.ctl("set_vhost_limits", "-p", VHOST, '{"max-connections": 20}');
}

privateNodeTest("RabbitMQ: a runner works on a broker that is set up as hosted ones are", async (test) => {
  const place = await Deno.makeTempDir({ prefix: "warren-hosted-" });
  try {
    const certificates = await makeCertificates(place);
    const tlsPort = freePort();
    await using node = await startPrivateNode(`
heartbeat = 120
listeners.ssl.default = 127.0.0.1:${tlsPort}
ssl_options.cacertfile = ${certificates.ca}
ssl_options.certfile = ${certificates.certificate}
ssl_options.keyfile = ${certificates.key}
`);
    await setUp(node);
    const hosted = { node, certificates, tlsPort };
    await test.step("over amqps, with the authority in AMQP_CA and the host's name in the handshake", () =>
      overTls(hosted));
    await test.step("an authority that is not trusted is said, and tried again", () => untrusted(hosted));
    await test.step("over wss, with the authority in DENO_CERT", () => overSecureWebSocket(hosted));
  } finally {
    await Deno.remove(place, { recursive: true });
  }
}, { commands: ["openssl"] });

/** A retry and an output, so that all of Warren's own queues are declared under the user's rights. */
const FUNCTIONS = {
  "hosted.ts": telling("hosted"),
  "failing.ts": `
    export const config = { retry: ["10ms"], output: "hosted" };
    export default (message) => {
      if (message.attempt === 1) throw new Error("once");
      return "from failing";
    };`,
};

async function overTls({ node, certificates, tlsPort }: Hosted): Promise<void> {
  await using proxy = new Proxy({ hostname: "127.0.0.1", port: tlsPort });
  await using functions = await folder(FUNCTIONS);
  await using runner = await startServing({
    amqpUrl: `amqps://${pathAndLogin(`localhost:${proxy.port}`)}`,
    functionsDir: functions.path,
    env: { AMQP_CA: certificates.ca },
  });
  await serves(node, runner);

  // The first flight has the server's name in the clear.
  for (const hello of proxy.hellos) assertStringIncludes(new TextDecoder("latin1").decode(hello), "localhost");
  assert(proxy.hellos.length >= 2);
  const negotiated = await node.ctl("list_connections", "--no-table-headers", "ssl", "timeout", "vhost");
  for (const line of negotiated.trim().split("\n").filter((line) => line.startsWith("true"))) {
    const [, heartbeat, vhost] = line.split("\t");
    // The shorter of the two counts.
    assertEquals([Number(heartbeat) <= 120, vhost], [true, VHOST]);
  }
}

async function untrusted({ tlsPort }: Hosted): Promise<void> {
  await using functions = await folder(FUNCTIONS);
  await using runner = new RunnerProcess({
    amqpUrl: `amqps://${pathAndLogin(`localhost:${tlsPort}`)}`,
    functionsDir: functions.path,
  });
  const line = await runner.waitForLog(({ level, message }) => level === "warn" && message.includes("certificate"));
  assertStringIncludes(line.message, "trying again");
  assert(!line.message.includes(PASSWORD) && !line.message.includes(encodeURIComponent(PASSWORD)));
}

async function overSecureWebSocket({ node, certificates }: Hosted): Promise<void> {
  const [cert, key] = [certificates.certificate, certificates.key].map((path) => Deno.readTextFileSync(path));
  await using relay = new WebSocketRelay(node.url, { cert, key });
  await using functions = await folder(FUNCTIONS);
  const url = new URL(relay.urlFor(`amqp://${pathAndLogin("localhost")}`));
  url.searchParams.set("vhost", VHOST);
  await using runner = await startServing({
    amqpUrl: url.href,
    functionsDir: functions.path,
    env: { DENO_CERT: certificates.ca },
  });
  assert(url.protocol === "wss:");
  await serves(node, runner);
}

/** A message that is retried, whose output is another function's message. */
async function serves(node: PrivateNode, runner: RunnerProcess): Promise<void> {
  await using client = await BrokerClient.connect(`amqp://${pathAndLogin(new URL(node.url).host)}`);
  await client.publish("failing", ["x"]);
  assertEquals((await runner.waitForLog(isHandled)).body, "from failing");
}
