import { assertEquals, assertStringIncludes } from "@std/assert";
import { folder } from "../loader/folder.ts";
import { BrokerClient } from "../support/broker_client.ts";
import { brokerTest, embeddedTest } from "../support/brokers.ts";
import { eventually } from "../support/eventually.ts";
import { Gate } from "../support/gate.ts";
import { handledBy, isHandled, seen, startServing } from "../support/serving.ts";

/** A function with a helper and a text, each of which says which version it is. */
function release(at: string, version: number, { queue, before = "", permissions = "{}" }: {
  queue: string;
  before?: string;
  permissions?: string;
}): Record<string, string> {
  return {
    [`${at}/f.js`]: `import { version } from "./_helper.js";
      import data from "./_data.json" with { type: "json" };
      export const config = { queue: "${queue}", permissions: ${permissions} };
      export default async (message, context) => {
        context.log.info("begun", { version });
        ${before}
        context.log.info("handled", { version: [${version}, version, data.version], body: message.body });
      };`,
    [`${at}/_helper.js`]: `export const version = ${version};`,
    [`${at}/_data.json`]: `{ "version": ${version} }`,
  };
}

/** A link in the place of another at once, as Kubernetes and deployments do. */
async function swap(target: string, link: string): Promise<void> {
  await Deno.symlink(target, `${link}_tmp`);
  await Deno.rename(`${link}_tmp`, link);
}

brokerTest(
  "functions of a ConfigMap run, and a swap of its folder serves the new version while the old one ends",
  async (url) => {
    await using broker = await BrokerClient.connect(url);
    await using gate = await Gate.make();
    const queue = broker.queue("configmap");
    const slow = { queue, before: gate.wait, permissions: gate.permissions };
    await using functions = await folder(release("..2026_01", 1, slow));
    await Deno.symlink("..2026_01", `${functions.path}/..data`);
    for (const name of ["f.js", "_helper.js", "_data.json"]) {
      await Deno.symlink(`..data/${name}`, `${functions.path}/${name}`);
    }
    await using runner = await startServing({ amqpUrl: url, functionsDir: functions.path });
    await broker.publish(queue, ["in flight"]);
    await runner.waitForLog(({ message }) => message === "begun");

    await functions.write(release("..2026_02", 2, { queue }));
    await swap("..2026_02", `${functions.path}/..data`);
    await Deno.remove(`${functions.path}/..2026_01`, { recursive: true });
    await runner.waitForLog(({ message }) => message === "serving a new version");
    await broker.publish(queue, ["after"]);
    await runner.waitForLog((line) => isHandled(line) && line.body === "after");
    await gate.open();
    await eventually(() => handledBy(runner).length === 2);

    assertEquals(handledBy(runner).map(({ body, version }) => [body, version]), [
      ["after", [2, 2, 2]],
      ["in flight", [1, 1, 1]],
    ]);
    assertEquals(Object.keys(await seen(runner)), ["f"]);
  },
);

brokerTest("a release folder above the functions that is swapped serves the new release", async (url) => {
  await using broker = await BrokerClient.connect(url);
  const queue = broker.queue("released");
  await using app = await folder(release("releases/1/functions/orders", 1, { queue }));
  await Deno.symlink("releases/1", `${app.path}/current`);
  await using runner = await startServing({ amqpUrl: url, functionsDir: `${app.path}/current/functions` });
  await broker.publish(queue, ["x"]);
  assertEquals((await runner.waitForLog(isHandled)).version, [1, 1, 1]);

  for (const version of [2, 3]) {
    await app.write(release(`releases/${version}/functions/orders`, version, { queue }));
    await swap(`releases/${version}`, `${app.path}/current`);
    await eventually(() =>
      runner.log.filter(({ message }) => message === "serving a new version").length === version - 1
    );
    await broker.publish(queue, [`with ${version}`]);
    const handled = await runner.waitForLog((line) => isHandled(line) && line.body === `with ${version}`);
    assertEquals(handled.version, [version, version, version]);
  }
  assertEquals(Object.keys(await seen(runner)), ["orders.f"]);
});

brokerTest("messages come while releases are swapped, and each is handled by one release whole", async (url) => {
  await using broker = await BrokerClient.connect(url);
  const queue = broker.queue("swapped");
  await using app = await folder(release("releases/1", 1, { queue }));
  await Deno.symlink("releases/1", `${app.path}/functions`);
  await using runner = await startServing({ amqpUrl: url, functionsDir: `${app.path}/functions` });
  const bodies: string[] = [];
  const publish = async () => {
    bodies.push(String(bodies.length));
    await broker.publish(queue, bodies.slice(-1));
  };
  for (const version of [2, 3, 4]) {
    await publish();
    await app.write(release(`releases/${version}`, version, { queue }));
    await swap(`releases/${version}`, `${app.path}/functions`);
    while (runner.log.filter(({ message }) => message === "serving a new version").length < version - 1) {
      await publish();
      await eventually(() => handledBy(runner).length >= bodies.length);
    }
  }
  await publish();
  await eventually(() => handledBy(runner).length >= bodies.length);
  const lines = handledBy(runner);
  assertEquals(lines.map(({ body }) => body).toSorted((a, b) => Number(a) - Number(b)), bodies);
  for (const { version } of lines) assertEquals(new Set(version as number[]).size, 1);
  assertEquals(lines.find(({ body }) => body === bodies.at(-1))?.version, [4, 4, 4]);
});

embeddedTest("a link to nowhere is an error of its function until what it leads to is there", async (url) => {
  await using broker = await BrokerClient.connect(url);
  const [queue, other] = [broker.queue("late"), broker.queue("fine")];
  await using app = await folder(release("functions", 1, { queue: other }));
  await Deno.symlink("../mounted/late.js", `${app.path}/functions/late.js`);
  await using runner = await startServing({ amqpUrl: url, functionsDir: `${app.path}/functions` });
  const { f, late } = await seen(runner);
  assertEquals([f.state, late.state], ["serving", "broken"]);
  assertStringIncludes(late.error ?? "", 'late.js: it is a link to "../mounted/late.js", which is not there');

  await app.write({
    "mounted/late.js": `export const config = { queue: "${queue}" };
      export default (message, context) => context.log.info("handled", { body: message.body });`,
  });
  await runner.waitForLog(({ message }) => message === `serving queue "${queue}"`);
  await broker.publish(queue, ["x"]);
  assertEquals((await runner.waitForLog(isHandled)).function, "late");
});

embeddedTest("a function that is a link runs inline as well, and after a swap by its new version", async (url) => {
  await using broker = await BrokerClient.connect(url);
  const queue = broker.queue("inline");
  const inline = (version: number) => ({
    [`..${version}/f.js`]: `import { version } from "./_helper.js";
      export const config = { queue: "${queue}", isolation: "inline" };
      export default (message, context) => context.log.info("handled", { version });`,
    [`..${version}/_helper.js`]: `export const version = ${version};`,
  });
  await using functions = await folder(inline(1));
  await Deno.symlink("..1", `${functions.path}/..data`);
  for (const name of ["f.js", "_helper.js"]) await Deno.symlink(`..data/${name}`, `${functions.path}/${name}`);
  await using runner = await startServing({ amqpUrl: url, functionsDir: functions.path });
  await broker.publish(queue, ["x"]);
  assertEquals((await runner.waitForLog(isHandled)).version, 1);

  await functions.write(inline(2));
  await swap("..2", `${functions.path}/..data`);
  await runner.waitForLog(({ message }) => message === "serving a new version");
  await broker.publish(queue, ["y"]);
  await eventually(() => handledBy(runner).length === 2);
  assertEquals(handledBy(runner).at(-1)?.version, 2);
});
