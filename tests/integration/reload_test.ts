import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { folder } from "../loader/folder.ts";
import { BrokerClient } from "../support/broker_client.ts";
import { brokerTest, embeddedTest } from "../support/brokers.ts";
import { eventually } from "../support/eventually.ts";
import { Gate } from "../support/gate.ts";
import { handledBy, isHandled, seen, startServing } from "../support/serving.ts";

/** A function that says which version it is. */
function versioned(queue: string, version: number): string {
  return `
    export const config = { queue: "${queue}" };
    export default (message, context) => context.log.info("handled", { version: ${version}, body: message.body });`;
}

brokerTest("a new file is bound while the others go on", async (url) => {
  await using broker = await BrokerClient.connect(url);
  const [old, fresh] = [broker.queue("old"), broker.queue("fresh")];
  await using functions = await folder({ "old.ts": versioned(old, 1) });
  await using runner = await startServing({ amqpUrl: url, functionsDir: functions.path });

  await functions.write({ "fresh.ts": versioned(fresh, 1) });
  await runner.waitForLog(({ message }) => message === `serving queue "${fresh}"`);

  await broker.publish(fresh, ["x"]);
  assertEquals((await runner.waitForLog(isHandled)).function, "fresh");
});

brokerTest("a change serves while what is in flight finishes on the old version", async (url) => {
  await using broker = await BrokerClient.connect(url);
  await using gate = await Gate.make();
  const queue = broker.queue("changing");
  await using functions = await folder({
    "changing.ts": `
      export const config = { queue: "${queue}", permissions: ${gate.permissions} };
      export default async (message, context) => {
        context.log.info("begun");
        ${gate.wait}
        context.log.info("handled", { version: 1, body: message.body });
      };`,
  });
  await using runner = await startServing({ amqpUrl: url, functionsDir: functions.path });
  await broker.publish(queue, ["in flight"]);
  await runner.waitForLog(({ message }) => message === "begun");

  await functions.write({ "changing.ts": versioned(queue, 2) });
  await runner.waitForLog(({ message }) => message === "serving a new version");
  await broker.publish(queue, ["after"]);
  await eventually(() => handledBy(runner).length === 1);
  await gate.open();
  await eventually(() => handledBy(runner).length === 2);

  const runs = handledBy(runner).map(({ version, body }) => [version, body]);
  assertEquals(runs, [[2, "after"], [1, "in flight"]]);
  await eventually(async () => (await seen(runner)).changing.counts.completed === 2);
  assertEquals((await broker.count(queue)).messages, 0);
});

embeddedTest("a version that comes while one message is tried takes as many as it can", async (url) => {
  await using broker = await BrokerClient.connect(url);
  await using gate = await Gate.make();
  const queue = broker.queue("switched");
  const killSwitch = `{ window: "1m", errorRate: 0.5, minimum: 1, coolDown: 10 }`;
  await using functions = await folder({
    "switched.ts": `export const config = { queue: "${queue}", retry: { attempts: 0 }, killSwitch: ${killSwitch} };
      export default () => { throw new Error("the dependency is down"); };`,
  });
  await using runner = await startServing({ amqpUrl: url, functionsDir: functions.path });
  await broker.publish(queue, ["x"]);
  await runner.waitForLog(({ message }) => message === "trying one message");

  await functions.write({
    "switched.ts": `export const config = { queue: "${queue}", permissions: ${gate.permissions} };
      export default async (_, context) => {
        context.log.info("begun");
        ${gate.wait}
      };`,
  });
  await runner.waitForLog(({ message }) => message === "serving a new version");
  await broker.publish(queue, ["a", "b"]);

  await eventually(() => runner.log.filter(({ message }) => message === "begun").length === 2);
  await gate.open();
});

brokerTest("a change of the queue is followed", async (url) => {
  await using broker = await BrokerClient.connect(url);
  const [was, is] = [broker.queue("was"), broker.queue("is")];
  await using functions = await folder({ "moving.ts": versioned(was, 1) });
  await using runner = await startServing({ amqpUrl: url, functionsDir: functions.path });

  await functions.write({ "moving.ts": versioned(is, 2) });
  await runner.waitForLog(({ message }) => message === `serving queue "${is}"`);
  await broker.publish(is, ["x"]);

  assertEquals((await runner.waitForLog(isHandled)).version, 2);
  await eventually(async () => (await broker.count(was)).consumers === 0);
});

embeddedTest("a syntax error is told with its place and the old version keeps serving", async (url) => {
  await using broker = await BrokerClient.connect(url);
  const queue = broker.queue("syntax");
  await using functions = await folder({ "syntax.ts": versioned(queue, 1) });
  await using runner = await startServing({ amqpUrl: url, functionsDir: functions.path });

  await functions.write({ "syntax.ts": `export const config = { queue: "${queue}" };\nexport default ( => 1;\n` });
  const line = await runner.waitForLog(({ level }) => level === "error");

  assertMatch(line.message, /syntax\.ts:2:\d+/);
  assertStringIncludes(line.message, "the previous version keeps serving");
  const { syntax } = await seen(runner);
  assertEquals(syntax.state, "serving");
  assertMatch(syntax.error ?? "", /syntax\.ts:2:\d+/);
  await broker.publish(queue, ["x"]);
  assertEquals((await runner.waitForLog(isHandled)).version, 1);

  await functions.write({ "syntax.ts": versioned(queue, 2) });
  await eventually(async () => (await seen(runner)).syntax.error === undefined);
  await broker.publish(queue, ["y"]);
  assertEquals((await runner.waitForLog((line) => isHandled(line) && line.body === "y")).version, 2);
});

brokerTest("a deleted function drains, and its queue and messages stay", async (url) => {
  await using broker = await BrokerClient.connect(url);
  await using gate = await Gate.make();
  const queue = broker.queue("leaving");
  await using functions = await folder({
    "leaving.ts": gate.functionFor(queue),
  });
  await using runner = await startServing({ amqpUrl: url, functionsDir: functions.path });
  await broker.publish(queue, ["first", "second"]);
  await runner.waitForLog(({ message }) => message === "begun");

  await Deno.remove(join(functions.path, "leaving.ts"));
  await eventually(async () => (await broker.count(queue)).consumers === 0);
  assertEquals(await seen(runner), {});
  await gate.open();
  await runner.waitForLog(isHandled);

  const left = await broker.take(queue);
  assertEquals([left.bodyString(), left.redelivered], ["second", false]);
  assertEquals((await broker.count(queue)).messages, 0);
  assertEquals(handledBy(runner).map(({ body }) => body), ["first"]);
});

embeddedTest(
  "a module that throws while it loads is broken, keeps its messages, and is mended by a change",
  async (url) => {
    await using broker = await BrokerClient.connect(url);
    const queue = broker.queue("throwing");
    const config = `export const config = { queue: "${queue}" };`;
    await using functions = await folder({
      "throwing.ts": `${config}\nthrow new Error("no licence");\nexport default () => {};`,
    });
    await using runner = await startServing({ amqpUrl: url, functionsDir: functions.path });
    await broker.publish(queue, ["a", "b", "c"]);

    const broken = await eventually(async () => {
      const { throwing } = await seen(runner);
      return throwing.state === "broken" && throwing;
    });
    assertStringIncludes(broken.error ?? "", "no licence");
    await eventually(async () => (await broker.count(queue)).messages === 3);
    assertEquals((await broker.count(`${queue}.dead`)).messages, 0);

    await functions.write({ "throwing.ts": versioned(queue, 2) });
    await eventually(() => handledBy(runner).length === 3);
    assertEquals(handledBy(runner).map(({ body }) => body).sort(), ["a", "b", "c"]);
    const mended = (await seen(runner)).throwing;
    assertEquals([mended.state, mended.error], ["serving", undefined]);
  },
);

embeddedTest("a new version that throws while it loads is refused while the old one runs", async (url) => {
  await using broker = await BrokerClient.connect(url);
  const queue = broker.queue("refused");
  await using functions = await folder({ "refused.ts": versioned(queue, 1) });
  await using runner = await startServing({ amqpUrl: url, functionsDir: functions.path });
  await broker.publish(queue, ["x"]);
  await runner.waitForLog(isHandled);

  await functions.write({
    "refused.ts":
      `export const config = { queue: "${queue}" };\nthrow new Error("no licence");\nexport default () => {};`,
  });
  await runner.waitForLog(({ level, message }) => level === "error" && message.includes("no licence"));

  assertEquals((await seen(runner)).refused.state, "serving");
  await broker.publish(queue, ["y"]);
  assertEquals((await runner.waitForLog((line) => isHandled(line) && line.body === "y")).version, 1);
});

/** Each is broken in one way: its text, and what its error says. */
const BROKEN: Record<string, [text: string, error: RegExp]> = {
  "no default export": ["export const handler = () => {};", /default export/],
  "a default export that is no function": ["export default 42;", /function/],
  "an unknown key": ["export const config = { concurency: 2 };\nexport default () => {};", /concurency.*concurrency/],
  "a wrong type": ['export const config = { concurrency: "two" };\nexport default () => {};', /concurrency.*"two"/],
  "a computed value": ["export const config = { timeout: 2 * 3 };\nexport default () => {};", /\.ts:1:\d+/],
  "a queue that another function has": [
    'export const config = { queue: "QUEUE" };\nexport default () => {};',
    /belongs to/,
  ],
  "a missing import": ['import "./gone.ts";\nexport default () => {};', /gone\.ts/],
  "a missing package": ['import "no-such-package";\nexport default () => {};', /no-such-package/],
  "a syntax error": ["export default () => {", /\.ts:1:\d+/],
};

embeddedTest("each broken function says why, and the others serve", async (url) => {
  await using broker = await BrokerClient.connect(url);
  const queue = broker.queue("working");
  const names = Object.keys(BROKEN).map((name) => [name, name.replaceAll(" ", "_")]);
  const files = names.map(([name, file]) => [`${file}.ts`, BROKEN[name][0].replace("QUEUE", queue)]);
  await using functions = await folder({ "1_working.ts": versioned(queue, 1), ...Object.fromEntries(files) });
  await using runner = await startServing({ amqpUrl: url, functionsDir: functions.path });

  const views = await seen(runner);

  for (const [name, file] of names) {
    assertEquals(views[file]?.state, "broken", name);
    assertMatch(views[file].error ?? "", BROKEN[name][1]);
    assertStringIncludes(views[file].error ?? "", `${file}.ts`);
  }
  await broker.publish(queue, ["x"]);
  assertEquals((await runner.waitForLog(isHandled)).version, 1);
});
