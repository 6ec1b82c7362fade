import type { AMQPProperties } from "@cloudamqp/amqp-client";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { dead } from "../../lib/cli/dead/dead.ts";
import { runCommand } from "../cli/run_command.ts";
import { folder } from "../loader/folder.ts";
import { BrokerClient } from "../support/broker_client.ts";
import { brokerTest } from "../support/brokers.ts";
import { eventually } from "../support/eventually.ts";
import { handledBy, startServing } from "../support/serving.ts";

const REQUIRED = { specversion: "1.0", id: "e1", source: "/shop", type: "com.example.sold" };
const STRUCTURED = { contentType: "application/cloudevents+json; charset=utf-8" };
/** A handler that says what it got. */
const TELLING = `(message, context) => {
  const { body, event, properties: { messageId } } = message;
  context.log.info("handled", { body, event, id: messageId });
}`;

function binary(prefix: string, attributes: Record<string, string | number | boolean | Date>): AMQPProperties {
  const named = Object.entries(attributes).map(([name, value]) => [prefix + name, value]);
  return { contentType: "application/json", headers: Object.fromEntries(named) };
}

brokerTest("events of both modes, and of both prefixes, come as their data and their attributes", async (url) => {
  await using broker = await BrokerClient.connect(url);
  const queue = await broker.workQueue("events");
  await using functions = await folder({
    "events.ts": `export const config = { queue: "${queue}", envelope: "cloudevents", concurrency: 1 };
      export default ${TELLING};`,
  });
  await using runner = await startServing({ amqpUrl: url, functionsDir: functions.path });
  const time = new Date(Date.UTC(2018, 3, 5, 17, 31));
  const more = { subject: "Grüße 🐇", count: 5, flag: true };

  await broker.publish(queue, ['{"a":1}'], binary("cloudEvents:", { ...REQUIRED, ...more, time }));
  await broker.publish(queue, ['{"a":1}'], binary("cloudEvents_", { ...REQUIRED, ...more, time: time.toISOString() }));
  const document = { ...REQUIRED, ...more, time: time.toISOString(), datacontenttype: "application/json" };
  await broker.publish(queue, [JSON.stringify({ ...document, data: { a: 1 } })], STRUCTURED);

  await eventually(() => handledBy(runner).length === 3);
  for (const { body, event } of handledBy(runner)) assertEquals([body, event], [{ a: 1 }, document]);
});

brokerTest(
  "what is no event is a dead letter that says why, and comes back mended as the event it was",
  async (url) => {
    await using broker = await BrokerClient.connect(url);
    const queue = await broker.workQueue("events");
    await using functions = await folder({
      "events.ts": `import { Reject } from "warren";
      export const config = { queue: "${queue}", envelope: "cloudevents" };
      export default (message, context) => {
        if (message.headers["warren-redriven"] === undefined) throw new Reject("not yet");
        (${TELLING})(message, context);
      };`,
    });
    await using runner = await startServing({ amqpUrl: url, functionsDir: functions.path });

    const { type: _, ...typeless } = REQUIRED;
    await broker.publish(queue, ["{}"], binary("cloudEvents_", typeless));
    const letter = await broker.take(`${queue}.dead`);
    const { "warren-reason": reason, "warren-error": error, "cloudEvents_id": id } = letter.properties
      .headers as Record<
        string,
        string
      >;
    assertEquals([reason, error, id], ["undecodable", "the message is not a CloudEvent: type is missing", "e1"]);

    await broker.publish(queue, ['{"a":1}'], binary("cloudEvents:", { ...REQUIRED, count: 5 }));
    await broker.publish(queue, [JSON.stringify({ ...REQUIRED, id: "e2", count: 5, data: { a: 1 } })], STRUCTURED);
    await eventually(async () => (await broker.count(`${queue}.dead`)).messages === 2);
    await runCommand(dead, ["redrive", queue], { AMQP_URL: url });
    await eventually(() => handledBy(runner).length === 2);
    const events = handledBy(runner).map(({ event }) => event as Record<string, unknown>);
    assertEquals(new Set(events.map(({ id }) => id)), new Set(["e1", "e2"]));
    for (const event of events) assertEquals([event.count, event.datacontenttype], [5, "application/json"]);
  },
);

brokerTest("what functions publish and return are events in the mode that they ask for", async (url) => {
  await using broker = await BrokerClient.connect(url);
  const [source, published, returned] = [broker.queue("source"), broker.queue("published"), broker.queue("returned")];
  await broker.declare(published);
  await broker.declare(returned);
  const writing = (mode: string) => `
    export const config = {
      queue: "${source}.${mode}",
      output: { routingKey: "${returned}", event: { type: "returned", mode: "${mode}", tenant: "a" } },
    };
    export default async (message, context) => {
      const event = { type: "published", mode: "${mode}", count: 5, flag: true };
      await context.publish(message.body, { routingKey: "${published}", event });
      return message.body;
    };`;
  await using functions = await folder({ "binary.ts": writing("binary"), "structured.ts": writing("structured") });
  broker.own(`${source}.binary`);
  broker.own(`${source}.structured`);
  await using _ = await startServing({ amqpUrl: url, functionsDir: functions.path });
  const asked = { contentType: "application/json", messageId: "m" };

  await broker.publish(`${source}.binary`, ['{"a":"ü"}'], asked);
  for (const [queue, own, id] of [[published, { count: 5, flag: true }, "m/0"], [returned, { tenant: "a" }, "m/1"]]) {
    const { properties, bodyString } = await taken(broker, queue as string);
    const { cloudEvents_time: time, "warren-parent": parent, ...attributes } = properties.headers as Record<
      string,
      unknown
    >;
    assert(!Number.isNaN(Date.parse(String(time))));
    assertEquals(parent, "m");
    const all = {
      specversion: "1.0",
      id,
      source: "/functions/binary",
      type: queue === published ? "published" : "returned",
    };
    assertEquals(attributes, binary("cloudEvents_", { ...all as typeof REQUIRED, ...own as object }).headers as object);
    assertEquals([bodyString, properties.contentType, properties.messageId], [
      '{"a":"ü"}',
      "application/json",
      id as string,
    ]);
  }

  await broker.publish(`${source}.structured`, ['{"a":"ü"}'], asked);
  for (const [queue, id] of [[published, "m/0"], [returned, "m/1"]]) {
    const { properties, bodyString } = await taken(broker, queue);
    assertEquals([properties.contentType, properties.messageId], [STRUCTURED.contentType, id]);
    const { data, source, datacontenttype, ...event } = JSON.parse(bodyString);
    assertEquals([data, source, event.id], [{ a: "ü" }, "/functions/structured", id]);
    assertEquals(datacontenttype, "application/json");
  }
});

async function taken(broker: BrokerClient, queue: string) {
  const message = await broker.take(queue);
  return { properties: message.properties, bodyString: message.bodyString()! };
}

brokerTest("functions chain by events: what one returns is the next one's data, in one trace", async (url) => {
  await using broker = await BrokerClient.connect(url);
  const [first, second] = [broker.queue("first"), broker.queue("second")];
  await using functions = await folder({
    "first.ts": `export const config = { queue: "${first}", envelope: "cloudevents", output: {
        routingKey: "${second}", event: { type: "summed", mode: "structured" } } };
      export default ({ body, event }) => ({ of: event.id, sum: body.a + body.b });`,
    "second.ts": `export const config = { queue: "${second}", envelope: "cloudevents" };
      export default ${TELLING};`,
  });
  await using runner = await startServing({ amqpUrl: url, functionsDir: functions.path });
  const trace = "4bf92f3577b34da6a3ce929d0e0e4736";
  const { headers, contentType } = binary("cloudEvents_", REQUIRED);
  const traced = { ...headers, traceparent: `00-${trace}-00f067aa0ba902b7-01` };

  await broker.publish(first, ['{"a":1,"b":2}'], { contentType, headers: traced, messageId: "m" });

  await eventually(() => handledBy(runner).length === 1);
  const [{ body, id, event, trace: logged }] = handledBy(runner);
  assertEquals([body, id, logged], [{ of: "e1", sum: 3 }, "m/0", trace]);
  const { id: eventId, source, type, traceparent } = event as Record<string, string>;
  assertEquals([eventId, source, type], ["m/0", "/functions/first", "summed"]);
  assertStringIncludes(traceparent, `00-${trace}-`);
});

const INPUT = `
  export const input = {
    "~standard": {
      version: 1,
      vendor: "test",
      validate: (value) => typeof value?.email === "string"
        ? { value }
        : { issues: [{ message: "expected a string", path: ["email"] }] },
    },
  };`;

brokerTest("HTTP takes events of both modes, and says 422 for others before they are queued", async (url) => {
  await using broker = await BrokerClient.connect(url);
  const queue = await broker.workQueue("signup");
  await using functions = await folder({
    "signup.ts": `${INPUT}
      export const config = { queue: "${queue}", envelope: "cloudevents" };
      export default ({ body, event }) => ({ email: body.email, id: event.id, subject: event.subject });`,
  });
  await using runner = await startServing({ amqpUrl: url, functionsDir: functions.path });
  const post = async (body: unknown, headers: Record<string, string>) => {
    const all = { prefer: "wait=10", ...headers };
    const init = { method: "POST", body: JSON.stringify(body), headers: all };
    const response = await fetch(`${runner.url}/functions/signup`, init);
    return [response.status, await response.json()] as const;
  };
  const structured = { "content-type": STRUCTURED.contentType };
  const json = { "content-type": "application/json" };
  const ce = { "ce-specversion": "1.0", "ce-id": "e2", "ce-source": "/shop", "ce-type": "t", "ce-subject": "Gr%C3%BC" };

  const answer = { email: "a@b.example", id: "e1" };
  assertEquals(await post({ ...REQUIRED, data: { email: "a@b.example" } }, structured), [200, answer]);
  assertEquals(await post({ email: "a@b.example" }, { ...json, ...ce }), [200, {
    ...answer,
    id: "e2",
    subject: "Grü",
  }]);

  const [status, none] = await post({ email: "a@b.example" }, json);
  assertEquals(status, 422);
  assertStringIncludes(none.detail, "the message is not a CloudEvent: id, source, type, specversion are missing");
  const [refused, invalid] = await post({ ...REQUIRED, data: { email: 5 } }, structured);
  assertEquals([refused, invalid.issues], [422, [{ message: "expected a string", path: "email" }]]);
  assertEquals((await broker.count(`${queue}.dead`)).messages, 0);

  await broker.publish(queue, [JSON.stringify({ ...REQUIRED, data: {} })], STRUCTURED);
  const letter = await broker.take(`${queue}.dead`);
  assertEquals(letter.properties.headers?.["warren-reason"] as unknown, "invalid");
});
