import { assertEquals } from "@std/assert";
import { connectClient } from "../../lib/amqp/client/client.ts";
import { folder } from "../loader/folder.ts";
import { eventually } from "../support/eventually.ts";
import { BrokerPlace } from "../support/hosted_broker.ts";
import { handledBy, isHandled, post, startServing } from "../support/serving.ts";

const FUNCTION = `export default (message, context) => context.log.info("handled", { body: message.body });`;

Deno.test("a runner with its broker and its HTTP API on ::1 is reached there by TCP, WebSocket and HTTP", async () => {
  await using place = await BrokerPlace.make();
  await using functions = await folder({ "hello.ts": FUNCTION });
  const env = { ...place.env, BROKER_HOST: "::1", HOST: "::1", BROKER_WS_PORT: String(place.port + 1) };
  await using hosting = await startServing({ functionsDir: functions.path, env });
  assertEquals(new URL(hosting.url).hostname, "[::1]");
  assertEquals(await post(hosting, "hello", "by HTTP"), 202);
  await hosting.waitForLog(isHandled);

  const at = `[::1]:${place.port}`;
  const urls = [`amqp://guest:guest@${at}`, `ws://guest:guest@[::1]:${place.port + 1}`, `${wsOf(hosting.url)}/ws/amqp`];
  for (const url of urls) {
    const { client, close } = await connectClient(url, { name: "test", heartbeat: 0 });
    const channel = await client.channel();
    await channel.confirmSelect();
    await channel.basicPublish("", "hello", url);
    await close();
  }
  await using joining = await startServing({
    amqpUrl: `amqp://${at}`,
    functionsDir: functions.path,
    env: { HOST: "::1" },
  });
  assertEquals(await post(joining, "hello", "joined"), 202);
  const handled = () => [...handledBy(hosting), ...handledBy(joining)];
  await eventually(() => handled().length >= urls.length + 2);
  const bodies = handled().map(({ body }) => body).sort();
  assertEquals(bodies, ["by HTTP", "joined", ...urls].sort());
});

function wsOf(url: string): string {
  return url.replace("http:", "ws:");
}
