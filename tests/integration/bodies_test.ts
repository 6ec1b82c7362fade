import type { AMQPProperties } from "@cloudamqp/amqp-client";
import { assertEquals, assertStringIncludes } from "@std/assert";
import { brotliCompressSync, deflateSync, gzipSync } from "node:zlib";
import { folder } from "../loader/folder.ts";
import { BrokerClient } from "../support/broker_client.ts";
import { brokerTest, embeddedTest } from "../support/brokers.ts";
import { eventually } from "../support/eventually.ts";
import { handledBy, isHandled, startServing } from "../support/serving.ts";

/** Logs what it gets; bytes as `{ bytes }`. */
const telling = (queue: string, config = "") => `
  export const config = { queue: "${queue}", concurrency: 1, ${config} };
  export default ({ body, event }, context) =>
    context.log.info("handled", { body: body instanceof Uint8Array ? { bytes: [...body] } : body, event });`;

interface Sent {
  body: string | Uint8Array;
  properties: AMQPProperties;
  got: unknown;
}

const bytes = (text: string) => new TextEncoder().encode(text);
const CELERY = '[[1,2],{},{"callbacks":null}]';
const CELERY_JSON = { contentType: "application/json", contentEncoding: "utf-8" };

const SENT: Record<string, Sent> = {
  "Celery, JSON": { body: CELERY, properties: CELERY_JSON, got: JSON.parse(CELERY) },
  "Celery, compressed": {
    body: deflateSync(bytes(CELERY)),
    properties: { ...CELERY_JSON, headers: { compression: "application/x-gzip" } },
    got: JSON.parse(CELERY),
  },
  "Celery, pickled": {
    body: new Uint8Array([0x80, 4]),
    properties: { contentType: "application/x-python-serialize", contentEncoding: "binary" },
    got: { bytes: [0x80, 4] },
  },
  "Spring AMQP, JSON": {
    body: '{"id":1}',
    properties: {
      contentType: "application/json",
      contentEncoding: "UTF-8",
      headers: { __TypeId__: "com.example.Order" },
    },
    got: { id: 1 },
  },
  "Spring AMQP, compressed text": {
    body: gzipSync(bytes("Grüße")),
    properties: { contentType: "text/plain", contentEncoding: "gzip:UTF-8" },
    got: "Grüße",
  },
  "Spring AMQP, a Java object": {
    body: new Uint8Array([0xac, 0xed]),
    properties: { contentType: "application/x-java-serialized-object" },
    got: { bytes: [0xac, 0xed] },
  },
  "MassTransit": {
    body: '{"messageType":["urn:message:Shop:Order"],"message":{"id":1}}',
    properties: { contentType: "application/vnd.masstransit+json" },
    got: { messageType: ["urn:message:Shop:Order"], message: { id: 1 } },
  },
  "Laravel": {
    body: '{"job":"App\\\\Jobs\\\\Send","data":{}}',
    properties: { contentType: "application/json", headers: { laravel: { attempts: 0 } } },
    got: { job: "App\\Jobs\\Send", data: {} },
  },
  "Bunny, without a type of its own": {
    body: "{}",
    properties: { contentType: "application/octet-stream" },
    got: { bytes: [...bytes("{}")] },
  },
  "a form": {
    body: "name=J%C3%B6rg&tag=a&tag=b",
    properties: { contentType: "application/x-www-form-urlencoded" },
    got: { name: "Jörg", tag: ["a", "b"] },
  },
  "XML": { body: "<a>é</a>", properties: { contentType: "application/soap+xml" }, got: "<a>é</a>" },
  "Brotli within gzip": {
    body: gzipSync(brotliCompressSync(bytes("[1]"))),
    properties: { contentType: "application/json", contentEncoding: "br, gzip" },
    got: [1],
  },
};

brokerTest("what other libraries send arrives as what they mean", async (url) => {
  await using broker = await BrokerClient.connect(url);
  const queue = broker.queue("bodies");
  await using functions = await folder({ "bodies.ts": telling(queue) });
  await using runner = await startServing({ amqpUrl: url, functionsDir: functions.path });
  const sent = Object.entries(SENT);
  for (const [, { body, properties }] of sent) await broker.publish(queue, [body], properties);
  await eventually(() => handledBy(runner).length === sent.length);
  const got = handledBy(runner).map(({ body }, index) => [sent[index][0], body]);
  assertEquals(got, sent.map(([name, { got }]) => [name, got]));
});

brokerTest("events as Dapr and Knative send them are events", async (url) => {
  await using broker = await BrokerClient.connect(url);
  const queue = broker.queue("events");
  await using functions = await folder({ "events.ts": telling(queue, 'envelope: "cloudevents"') });
  await using runner = await startServing({ amqpUrl: url, functionsDir: functions.path });
  const required = { specversion: "1.0", id: "1", source: "/shop", type: "com.example.sold" };
  const dapr = { ...required, datacontenttype: "application/json", topic: "sold", pubsubname: "shop" };
  await broker.publish(queue, [JSON.stringify({ ...dapr, data: { a: 1 } })], { contentType: "text/plain" });
  const knative = Object.fromEntries(Object.entries(required).map(([name, value]) => [`ce-${name}`, value]));
  const headers = { ...knative, "ce-subject": "", "content-type": "application/json" };
  await broker.publish(queue, ['{"a":1}'], { contentType: "application/json", headers });
  await eventually(() => handledBy(runner).length === 2);
  assertEquals(handledBy(runner).map(({ body, event }) => [body, event]), [
    [{ a: 1 }, dapr],
    [{ a: 1 }, { ...required, datacontenttype: "application/json" }],
  ]);
});

embeddedTest(
  'with `body: "raw"` a function gets the bytes as they came, and integers keep their digits',
  async (url) => {
    await using broker = await BrokerClient.connect(url);
    const queue = broker.queue("raw");
    await using functions = await folder({ "raw.ts": telling(queue, 'body: "raw"') });
    await using runner = await startServing({ amqpUrl: url, functionsDir: functions.path });
    const json = '{"id":9007199254740993}';
    await broker.publish(queue, [json], { contentType: "application/json", contentEncoding: "klingon" });
    assertEquals((await runner.waitForLog(isHandled)).body, { bytes: [...bytes(json)] });
  },
);

embeddedTest(
  "an undecodable message is one line in the log, without a stack, and a dead letter that says why",
  async (url) => {
    await using broker = await BrokerClient.connect(url);
    const queue = broker.queue("undecodable");
    await using functions = await folder({ "undecodable.ts": telling(queue) });
    await using runner = await startServing({ amqpUrl: url, functionsDir: functions.path });
    await broker.publish(queue, ["{\n no json\n}"], { contentType: "application/json" });
    const line = await runner.waitForLog(({ message }) => message.startsWith("undecodable: "));
    assertEquals([line.stack, line.message.includes("\n")], [undefined, false]);
    const letter = await broker.take(`${queue}.dead`);
    assertEquals(letter.properties.headers?.["warren-stack"], undefined);
    assertStringIncludes(
      String(letter.properties.headers?.["warren-error"]),
      "the content type is JSON, but the body is not",
    );
  },
);

embeddedTest("what `curl -d` sends without a type of its own arrives as what was typed", async (url) => {
  await using broker = await BrokerClient.connect(url);
  const queue = broker.queue("curl");
  await using functions = await folder({ "curl.ts": telling(queue) });
  await using runner = await startServing({ amqpUrl: url, functionsDir: functions.path });
  for (const data of ["name=World", '{"name":"World"}', "hello"]) {
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    const response = await fetch(`${runner.url}/functions/curl`, { method: "POST", body: data, headers });
    await response.body?.cancel();
    assertEquals(response.status, 202);
  }
  await eventually(() => handledBy(runner).length === 3);
  assertEquals(handledBy(runner).map(({ body }) => body), [{ name: "World" }, '{"name":"World"}', "hello"]);
});
