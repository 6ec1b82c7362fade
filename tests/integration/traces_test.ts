import { assert, assertEquals } from "@std/assert";
import type { Found } from "../../lib/invocation/insight/operator_view.ts";
import type { RunSummary } from "../../lib/invocation/insight/run.ts";
import { SETTLED_ATTRIBUTES, SPANS, type SpanSpec } from "../../lib/invocation/tracing/span_names.ts";
import { folder } from "../loader/folder.ts";
import { BrokerClient } from "../support/broker_client.ts";
import { brokerTest, embeddedTest } from "../support/brokers.ts";
import { eventually } from "../support/eventually.ts";
import { OtlpEndpoint, type SeenSpan } from "../support/otlp_endpoint.ts";
import { startServing } from "../support/serving.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER = "00f067aa0ba902b7";
const SECRET = "authorization=Bearer 0ur-s3cret";

/** Waits for spans that match, and gives them in the order in which they ended. */
async function spansOf(otlp: OtlpEndpoint, count: number, matches: (span: SeenSpan) => boolean): Promise<SeenSpan[]> {
  const found = () => otlp.spans.filter(matches);
  await eventually(() => found().length >= count, {
    what: `${count} spans`,
  });
  assertEquals(found().length, count);
  return found();
}

/** The one span of a name below another. */
function below(spans: readonly SeenSpan[], parent: SeenSpan, name: string): SeenSpan {
  const found = spans.filter((span) => span.parent === parent.spanId && span.name === name);
  assertEquals(found.length, 1, `spans "${name}" below "${parent.name}" among ${spans.map(({ name }) => name)}`);
  return found[0];
}

/** A span has the kind of the table and only attributes that are in it. */
function assertInTable(spans: readonly SeenSpan[]): void {
  for (const { name, kind, attributes, events } of spans) {
    const spec: SpanSpec | undefined = Object.values(SPANS).find(({ operation }) => name.startsWith(`${operation} `));
    if (!spec) continue;
    assertEquals(kind, spec.kind, name);
    const strangers = Object.keys(attributes).filter((key) => !(spec.attributes as readonly string[]).includes(key));
    assertEquals(strangers, [], `attributes of ${name} that are not in the table`);
    for (const event of events) for (const key in event.attributes) assert(key in SETTLED_ATTRIBUTES, key);
  }
}

brokerTest("a trace goes from HTTP through queues, retries, sandboxes and outputs", async (url) => {
  await using broker = await BrokerClient.connect(url);
  await using otlp = new OtlpEndpoint();
  const [first, second] = [broker.queue("first"), broker.queue("second")];
  await using functions = await folder({
    "first.ts": `export const config = { queue: "${first}", permissions: { net: ["127.0.0.1"], env: true } };
      export default async (message, context) => {
        const response = await fetch("${otlp.url}/called?api_key=0ur-s3cret");
        await response.body?.cancel();
        await context.publish("the text of the body", { routingKey: "${second}" });
        context.log.info("environment", { seen: Object.keys(Deno.env.toObject()), header: message.headers.traceparent });
      };`,
    "second.ts": `export const config = { queue: "${second}", retry: ["10ms"] };
      export default ({ attempt }) => {
        if (attempt === 1) throw new RangeError("its text may be a secret");
      };`,
  });
  const rare = { OTEL_BSP_SCHEDULE_DELAY: "600000" };
  const env = { ...otlp.env, ...rare, OTEL_EXPORTER_OTLP_HEADERS: SECRET, LOG_COMPLETED: "all" };
  await using runner = await startServing({ amqpUrl: url, functionsDir: functions.path, env });
  const response = await fetch(`${runner.url}/functions/first?token=0ur-s3cret`, {
    method: "POST",
    body: "the text of the body",
    headers: { traceparent: `00-${TRACE}-${CALLER}-01`, "message-id": "m1", "content-type": "text/plain" },
  });
  assertEquals((await response.json()).messageId, "m1");

  await runner.waitForLog((line) => line.message === "completed" && line.function === "second");
  // The processes send what they have before they end.
  runner.kill("SIGTERM");
  await runner.status;
  const spans = await spansOf(otlp, 11, ({ traceId }) => traceId === TRACE);
  const [server] = spans.filter(({ kind }) => kind === "server");
  assertEquals([server.parent, server.name], [CALLER, "POST /functions/:name"]);
  const published = below(spans, server, `publish ${first}`);
  const processed = below(spans, published, `process ${first}`);
  const handled = below(spans, processed, "handle first");
  const called = below(spans, handled, "GET");
  const output = below(spans, processed, `publish ${second}`);
  const failed = below(spans, output, `process ${second}`);
  const threw = below(spans, failed, "handle second");
  const retried = below(spans, failed, "publish warren.retry.10");
  const completed = below(spans, retried, `process ${second}`);
  below(spans, completed, "handle second");

  assertInTable(spans);
  assertEquals([processed, failed, completed].map(({ links }) => links), [
    [published.spanId],
    [output.spanId],
    [retried.spanId],
  ]);
  // Two processes export them, each in its time.
  assertEquals(new Set(spans.filter((span) => span.failed)), new Set([threw, failed]));
  assertEquals(otlp.requests, [{ path: "/called", traceparent: `00-${TRACE}-${called.spanId}-01` }]);
  assertEquals(published.attributes, {
    "messaging.system": "rabbitmq",
    "messaging.operation.name": "publish",
    "messaging.operation.type": "send",
    "messaging.destination.name": first,
    "messaging.rabbitmq.destination.routing_key": first,
    "messaging.message.id": "m1",
    "messaging.message.body.size": 20,
  });
  const { "faas.version": version, ...attributes } = failed.attributes;
  assert(typeof version === "string" && version.length > 0);
  assertEquals(attributes, {
    "messaging.system": "rabbitmq",
    "messaging.operation.name": "process",
    "messaging.operation.type": "process",
    "messaging.destination.name": second,
    "messaging.rabbitmq.destination.routing_key": second,
    "messaging.message.id": "m1/0",
    "messaging.message.body.size": 20,
    "faas.name": "second",
    "faas.trigger": "pubsub",
    "warren.attempt": 1,
    "warren.outcome": "failed",
    "warren.disposition": "retry",
    "error.type": "RangeError",
  });
  assertEquals(failed.events, [{ name: "settled", attributes: { "warren.disposition": "retry", "warren.delay": 10 } }]);
  assertEquals(retried.attributes["messaging.destination.name"], `warren.retry.10:${second}`);
  assertEquals([completed.attributes["warren.attempt"], completed.attributes["warren.disposition"]], [2, "ack"]);
  assertEquals([handled.resource["faas.name"], processed.resource["faas.name"]], ["first", undefined]);

  const [line] = runner.log.filter(({ message }) => message === "environment");
  assertEquals([line.trace, line.header], [TRACE, `00-${TRACE}-${processed.spanId}-01`]);
  const variables = line.seen as string[];
  assertEquals(variables.filter((name) => name.startsWith("OTEL_") && /HEADERS|KEY/.test(name)), []);
  assert(variables.includes("OTEL_EXPORTER_OTLP_ENDPOINT"));
  assertEquals([...otlp.tokens], ["Bearer 0ur-s3cret"]);
  for (const hidden of ["s3cret", "the text of the body", "may be a secret"]) {
    assert(!otlp.text.includes(hidden), hidden);
  }
});

embeddedTest(
  "a message without a trace begins one, to its dead letter; inline functions and batches have spans too",
  async (url) => {
    await using broker = await BrokerClient.connect(url);
    await using otlp = new OtlpEndpoint();
    const [dead, inline, batch] = [broker.queue("dead"), broker.queue("inline"), broker.queue("batch")];
    await using functions = await folder({
      "dead.ts": `export const config = { queue: "${dead}", retry: { attempts: 1 } };
      export default () => { throw new TypeError("no"); };`,
      "inline.ts": `export const config = { queue: "${inline}", isolation: "inline" };
      export default async () => { await (await fetch("${otlp.url}/inline")).body?.cancel(); };`,
      "batch.ts":
        `export const config = { queue: "${batch}", batch: { size: 2, wait: "30s" }, permissions: { net: ["127.0.0.1"] } };
      export default async (messages) => {
        await (await fetch("${otlp.url}/batch")).body?.cancel();
        for (const message of messages) await message.publish("x", { routingKey: "${inline}" });
      };`,
    });
    await using data = await folder({});
    const env = { ...otlp.env, WARREN_DATA: data.path };
    await using runner = await startServing({ amqpUrl: url, functionsDir: functions.path, env });
    await broker.publish(dead, ["a"], { messageId: "d1" });
    await broker.publish(batch, ["b", "c"], (index) => ({
      messageId: `b${index}`,
      headers: index === 0 ? { traceparent: `00-${TRACE}-${CALLER}-01` } : {},
    }));

    // The two of the batch lead to one run each of the inline function, and these to a fetch each.
    await spansOf(otlp, 3, ({ kind }) => kind === "client");
    await spansOf(otlp, 2, ({ name }) => name === `process ${inline}`);
    const { spans } = otlp;
    assertInTable(spans);

    const [died] = await spansOf(otlp, 1, ({ name }) => name === `process ${dead}`);
    assertEquals([died.parent, died.links, died.attributes["warren.disposition"]], ["", [], "deadLetter"]);
    assertEquals(died.events[0].attributes, { "warren.disposition": "deadLetter", "warren.reason": "failed" });
    const buried = below(spans, died, `publish ${dead}.dead`);
    assertEquals(buried.traceId, died.traceId);
    const letter = await broker.take(`${dead}.dead`);
    assertEquals(letter.properties.headers?.traceparent, `00-${died.traceId}-${buried.spanId}-01`);
    await eventually(async () => {
      const { items }: Found<RunSummary> = await (await fetch(`${runner.url}/runs?function=dead`)).json();
      return items.length === 1 && items[0].traceId === died.traceId;
    });

    const processed = await spansOf(otlp, 2, ({ name }) => name === `process ${batch}`);
    const [handled] = await spansOf(otlp, 1, ({ name }) => name === "handle batch");
    assertEquals(handled.links.toSorted(), processed.map(({ spanId }) => spanId).toSorted());
    assertEquals([handled.parent, handled.attributes["messaging.batch.message_count"]], ["", 2]);
    below(spans, handled, "GET");
    assertEquals(processed.map(({ parent }) => parent).toSorted(), ["", CALLER]);
    for (const each of processed) {
      const output = below(spans, each, `publish ${inline}`);
      const inlined = below(spans, output, `process ${inline}`);
      assertEquals(inlined.traceId, each.traceId);
      below(spans, below(spans, inlined, "handle inline"), "GET");
    }
  },
);

embeddedTest("a trace that is not sampled leaves no span, and what is called learns that", async (url) => {
  await using broker = await BrokerClient.connect(url);
  await using otlp = new OtlpEndpoint();
  const [quiet, last] = [broker.queue("quiet"), broker.queue("last")];
  await using functions = await folder({
    "quiet.ts": `export const config = { queue: "${quiet}", permissions: { net: ["127.0.0.1"] } };
      export default async (_, context) => {
        await (await fetch("${otlp.url}/quiet")).body?.cancel();
        await context.publish("x", { routingKey: "${last}" });
      };`,
    "last.ts": `export const config = { queue: "${last}" };
      export default ({ headers }, { log }) => log.info("handled", { trace: headers.traceparent });`,
  });
  await using runner = await startServing({ amqpUrl: url, functionsDir: functions.path, env: otlp.env });
  await broker.publish(quiet, ["a"], { headers: { traceparent: `00-${TRACE}-${CALLER}-00`, tracestate: "vendor=1" } });
  await runner.waitForLog(({ message }) => message === "handled");
  // What comes later is exported later.
  await broker.publish(last, ["b"]);
  await spansOf(otlp, 1, ({ name }) => name === `process ${last}`);
  assertEquals(otlp.spans.filter(({ traceId }) => traceId === TRACE), []);
  const [{ traceparent }] = otlp.requests;
  assert(traceparent?.startsWith(`00-${TRACE}-`) && traceparent.endsWith("-00"), `${traceparent}`);
});
