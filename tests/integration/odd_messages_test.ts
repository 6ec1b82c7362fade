import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { folder } from "../loader/folder.ts";
import { EVERY_PROPERTY, EVERY_TYPE, ODD } from "../support/amqp/odd_messages.ts";
import { RawClient } from "../support/amqp/raw_client.ts";
import type { RawChannel } from "../support/amqp/raw_channel.ts";
import { encodeProperties, field, type PropertiesInput } from "../support/amqp/raw_codec.ts";
import { rawParts } from "../support/amqp/raw_headers.ts";
import { rewrittenProperties } from "../support/amqp/rewritten_properties.ts";
import { BrokerClient } from "../support/broker_client.ts";
import { brokerTest } from "../support/brokers.ts";
import { eventually } from "../support/eventually.ts";
import { Proxy } from "../support/proxy.ts";
import { handledBy, isHandled, startServing } from "../support/serving.ts";
import type { RunnerProcess } from "../support/runner_process.ts";

/** The next dead letter of a queue, as it is on the wire. */
async function takeDead(channel: RawChannel, queue: string) {
  const got = await eventually(() => channel.get(`${queue}.dead`, true), { what: "a dead letter" });
  return { parts: rawParts(got.propertyBytes), headers: got.headers, text: got.text };
}

async function publishRaw(channel: RawChannel, queue: string, body: string, properties: PropertiesInput | Uint8Array) {
  assertEquals((await channel.publishConfirmed({ routingKey: queue }, body, properties)).kind, "ack");
}

function connectionLosses({ log }: RunnerProcess): string[] {
  return log.map(({ message }) => message).filter((message) => message.includes("connection to the broker is lost"));
}

brokerTest("whatever properties and headers a message has, it costs at most itself", async (url) => {
  await using broker = await BrokerClient.connect(url);
  const queue = await broker.workQueue("odd");
  await using functions = await folder({
    "odd.ts": `
      export const config = { queue: "${queue}", prefetch: 2 };
      export default (message, context) => context.log.info("handled", { body: message.body });`,
  });
  await using runner = await startServing({ amqpUrl: url, functionsDir: functions.path });
  await using raw = await RawClient.connect(url);
  const channel = await raw.channel();

  for (const [what, properties] of Object.entries(ODD)) {
    await publishRaw(channel, queue, what, properties);
    await publishRaw(channel, queue, `after ${what}`, { contentType: "text/plain" });
  }

  const tooDeep = "tables in tables";
  const dead = await takeDead(channel, queue);
  assertEquals(dead.text, tooDeep);
  const { "header odd": kept, ...sent } = rawParts(ODD[tooDeep] as Uint8Array);
  const { "header odd": came, ...parts } = dead.parts;
  assertEquals(came, kept, "what cannot be read is copied all the same");
  for (const [name, value] of Object.entries(sent)) assertEquals(parts[name], value);
  assertEquals(dead.headers["warren-reason"], "undecodable");
  assertStringIncludes(String(dead.headers["warren-error"]), 'the header "odd" is nested deeper than');

  const expected = Object.keys(ODD).flatMap((what) => what === tooDeep ? [`after ${what}`] : [what, `after ${what}`]);
  const bodies = () => handledBy(runner).map(({ body }) => String(body)).toSorted();
  await eventually(() => bodies().length >= expected.length, { what: "all of them to be handled" });
  assertEquals(bodies(), expected.toSorted());
  assertEquals((await broker.count(queue)).messages, 0);
  assertEquals(connectionLosses(runner), []);
});

for (const order of ["", `order: { by: "routingKey" }, `]) {
  const kind = order ? "an ordered function" : "a function";
  brokerTest(
    `through retry, dead letter and redrive of ${kind}, each property and header is byte for byte as it came`,
    async (url) => {
      await using broker = await BrokerClient.connect(url);
      const queue = await broker.workQueue("kept");
      for (let n = 0; n < 2; n++) broker.own(`${queue}.p${n}`);
      await using functions = await folder({
        "kept.ts": `
        export const config = {
          queue: "${queue}", ${order.replace("}", ", partitions: 2 }")} retry: { attempts: 2, delay: 20, jitter: 0 },
        };
        export default (message, context) => {
          context.log.info("handled", {
            attempt: message.attempt,
            long: message.headers.long,
            type: typeof message.headers.long,
            small: typeof message.headers.smallLong,
            timestamp: String(message.properties.timestamp),
          });
          throw new Error("no");
        };`,
      });
      await using runner = await startServing({ amqpUrl: url, functionsDir: functions.path });
      await using raw = await RawClient.connect(url);
      const channel = await raw.channel();
      const sent = { ...EVERY_PROPERTY, headers: EVERY_TYPE };

      await publishRaw(channel, queue, "body", sent);

      for (let round = 0; round < 2; round++) {
        const dead = await takeDead(channel, queue);
        assertEquals(dead.text, "body");
        for (const [name, value] of Object.entries(rawParts(encodeProperties(sent)))) {
          assertEquals(dead.parts[name], value, `${name} in the dead letter of round ${round + 1}`);
        }
        assertEquals([dead.headers["warren-error"], dead.headers["warren-attempts"]], ["no", 2]);
        if (round > 0) break;
        // As it came, into the dead letters, and back by the HTTP API.
        await publishRaw(
          channel,
          `${queue}.dead`,
          "body",
          encodeProperties({ ...sent, headers: { ...EVERY_TYPE, "warren-reason": "failed" } }),
        );
        const shown = await (await fetch(`${runner.url}/functions/kept/dead/m`)).json();
        assertEquals([shown.headers.long, shown.headers.bytes], ["9007199254740993", { base64: "AAH/" }]);
        const { done } = await (await fetch(`${runner.url}/functions/kept/dead/redrive`, { method: "POST" })).json();
        assertEquals(done, 1);
      }
      const runs = runner.log.filter(isHandled).map((
        { attempt, ...seen },
      ) => [attempt, seen.long, seen.type, seen.small, seen.timestamp]);
      const run = (attempt: number) => [attempt, "9007199254740993", "bigint", "number", "undefined"];
      assertEquals(runs, [run(1), run(2), run(1), run(2)]);
      assertEquals(connectionLosses(runner), []);
    },
  );
}

brokerTest(
  "a failing message whose headers leave no room in a frame is a dead letter, and holds nobody up",
  async (url) => {
    await using broker = await BrokerClient.connect(url);
    const queue = await broker.workQueue("full");
    await using functions = await folder({
      "full.ts": `
      export const config = { queue: "${queue}", prefetch: 1, retry: { attempts: 2, delay: 20, jitter: 0 } };
      export default (message, context) => {
        context.log.info("handled", { body: message.body });
        if (message.body === "fine") return;
        const error = new Error("e".repeat(2_000));
        error.stack = "s".repeat(8_000);
        throw error;
      };`,
    });
    await using runner = await startServing({ amqpUrl: url, functionsDir: functions.path });
    await using raw = await RawClient.connect(url);
    const channel = await raw.channel();
    const headers = (size: number) => ({ first: field("l", 1n), large: "x".repeat(size) });
    // Beside these there is room for the error and not for the stack, then for neither, then for nothing.
    for (const size of [126_000, 130_000, 130_900]) {
      await publishRaw(channel, queue, `${size}`, {
        headers: headers(size),
      });
    }
    await publishRaw(channel, queue, "fine", {});

    const dead = new Map<string, Awaited<ReturnType<typeof takeDead>>>();
    for (let n = 0; n < 3; n++) {
      const each = await takeDead(channel, queue);
      dead.set(each.text, each);
    }
    for (const [size, { parts, headers: has }] of dead) {
      assertEquals(parts["header first"], "l 0000000000000001", size);
      assertEquals(has["warren-reason"], "failed");
      assertEquals(has["warren-stack"], undefined);
      assertEquals(
        [has.large !== undefined, has["warren-dropped"]] as unknown[],
        size === "130900" ? [false, "large"] : [true, undefined],
      );
    }
    assertEquals(String(dead.get("126000")!.headers["warren-error"]).length, 2_000);
    assert(String(dead.get("130000")!.headers["warren-error"]).length <= 200);
    const bodies = handledBy(runner).map(({ body }) => body);
    for (const body of ["fine", "126000", "130000", "130900"]) assert(bodies.includes(body), body);
    assertEquals((await broker.count(queue)).messages, 0);
    assertEquals(connectionLosses(runner), []);
  },
);

brokerTest("headers larger than the frame that was agreed on are read, and cut for the dead letter", async (url) => {
  await using broker = await BrokerClient.connect(url);
  const queue = await broker.workQueue("larger");
  await using functions = await folder({
    "larger.ts": `
      export const config = { queue: "${queue}", retry: { attempts: 1 } };
      export default (message, context) => {
        context.log.info("handled", { body: message.body, size: message.headers.large?.length });
        if (message.headers.large) throw new Error("no");
      };`,
  });
  // Brokers do that where a publisher has agreed on larger frames: headers cannot be split.
  const large = encodeProperties({ headers: { small: field("l", 1n), large: "x".repeat(500_000) } });
  const grow = () => rewrittenProperties((properties) => rawParts(properties).messageId === "67" ? large : properties);
  await using proxy = Proxy.for(url, grow);
  await using runner = await startServing({ amqpUrl: proxy.urlFor(url), functionsDir: functions.path });
  await using raw = await RawClient.connect(url);
  const channel = await raw.channel();

  await publishRaw(channel, queue, "grown", { messageId: "g" });
  await publishRaw(channel, queue, "fine", {});

  const dead = await takeDead(channel, queue);
  assertEquals([dead.text, dead.parts["header small"]], ["grown", "l 0000000000000001"]);
  assertEquals([dead.headers["warren-reason"], dead.headers["warren-dropped"]], ["failed", "large"]);
  await eventually(() => handledBy(runner).length === 2, { what: "both to be handled" });
  assertEquals(handledBy(runner).map(({ body, size }) => [body, size]).toSorted(), [["fine", undefined], [
    "grown",
    500_000,
  ]]);
  assertEquals(connectionLosses(runner), []);
});

brokerTest("an output whose headers are too large fails its invocation alone", async (url) => {
  await using broker = await BrokerClient.connect(url);
  const queue = await broker.workQueue("output");
  const target = broker.queue("target");
  await broker.declare(target);
  await using functions = await folder({
    "output.ts": `
      export const config = { queue: "${queue}", prefetch: 1, retry: { attempts: 2, delay: 20, jitter: 0 } };
      export default async (message, context) => {
        const value = message.body === "large" ? "\u20ac".repeat(50_000) : 2n ** 60n;
        await context.publish(message.body, { routingKey: "${target}", headers: { value } });
      };`,
  });
  await using runner = await startServing({ amqpUrl: url, functionsDir: functions.path });
  await broker.publish(queue, ["large", "fine"]);

  await using raw = await RawClient.connect(url);
  const channel = await raw.channel();
  const dead = await takeDead(channel, queue);
  assertEquals([dead.text, dead.headers["warren-reason"], dead.headers["warren-attempts"]], ["large", "failed", 2]);
  assertStringIncludes(String(dead.headers["warren-error"]), "may not publish with headers");
  const published = await eventually(() => channel.get(target, true), { what: "what was published" });
  assertEquals(rawParts(published.propertyBytes)["header value"], "l 1000000000000000");
  assertEquals(await channel.get(target), undefined);
  assertEquals(connectionLosses(runner), []);
});
