import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { folder } from "../loader/folder.ts";
import { BrokerClient } from "../support/broker_client.ts";
import { brokerTest } from "../support/brokers.ts";
import { eventually } from "../support/eventually.ts";
import { isHandled, startServing } from "../support/serving.ts";
import { uniqueName } from "../support/unique.ts";

const ISO_DATE = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

brokerTest(
  "a handler that throws is tried again through the delay queues, and then the message is a dead letter",
  async (url) => {
    await using broker = await BrokerClient.connect(url);
    const queue = await broker.workQueue("failing");
    await using functions = await folder({
      "failing.ts": `
      export const config = { queue: "${queue}", retry: { attempts: 3, delay: 200, jitter: 0 } };
      export default (message, context) => {
        context.log.info("handled", {
          attempt: message.attempt,
          exchange: message.exchange,
          routingKey: message.routingKey,
          body: message.body.n,
        });
        throw new RangeError("always " + message.attempt);
      };`,
    });
    await using runner = await startServing({ amqpUrl: url, functionsDir: functions.path });
    const before = Date.now();
    await broker.publish(queue, ['{"n":7}'], {
      contentType: "application/json",
      messageId: "id-7",
      correlationId: "c-7",
      expiration: "600000",
      userId: "guest",
      headers: { mine: "kept", "x-death": "not", CC: [] as never },
    });

    const dead = await broker.take(`${queue}.dead`);

    const { headers, ...properties } = dead.properties;
    assertEquals(dead.bodyString(), '{"n":7}');
    assertEquals(properties.contentType, "application/json");
    assertEquals(properties.messageId, "id-7");
    assertEquals(properties.correlationId, "c-7");
    assertEquals(properties.deliveryMode, 2);
    assertEquals([properties.expiration, properties.userId], [undefined, undefined]);
    const {
      "warren-stack": stack,
      "warren-first-seen": firstSeen,
      "warren-failed-at": failedAt,
      // Of a broker whose queue of dead letters is a quorum queue.
      "x-delivery-count": _returns,
      ...rest
    } = headers as unknown as Record<string, string>;
    assertEquals(rest as unknown, {
      mine: "kept",
      "warren-attempt": 3,
      "warren-reason": "failed",
      "warren-error-type": "RangeError",
      "warren-error": "always 3",
      "warren-attempts": 3,
      "warren-function": "failing",
      "warren-queue": queue,
      "warren-host": Deno.hostname(),
      "warren-exchange": "",
      "warren-routing-key": queue,
      "warren-expiration": "600000",
      "warren-user-id": "guest",
    });
    assertStringIncludes(stack, "failing.ts");
    assertMatch(firstSeen, ISO_DATE);
    assertMatch(failedAt, ISO_DATE);
    // 200 ms and twice that, in queues of the broker.
    assert(Date.parse(failedAt) - Date.parse(firstSeen) >= 600);
    assert(Date.parse(firstSeen) >= before);
    const runs = runner.log.filter(isHandled).map((
      { attempt, exchange, routingKey, body },
    ) => [attempt, exchange, routingKey, body]);
    assertEquals(runs, [1, 2, 3].map((attempt) => [attempt, "", queue, 7]));
    assertEquals((await broker.count("warren.retry.200")).consumers, 0);
    assertEquals((await broker.count("warren.retry.400")).consumers, 0);
    assertEquals((await broker.count(queue)).messages, 0);
  },
);

brokerTest("a handler chooses the delay with Retry and ends the tries with Reject", async (url) => {
  await using broker = await BrokerClient.connect(url);
  const queue = await broker.workQueue("choosing");
  await using functions = await folder({
    "choosing.ts": `
      import { Reject, Retry } from "warren";
      export const config = { queue: "${queue}", retry: { delay: "1h" } };
      export default (message, context) => {
        context.log.info("handled", { attempt: message.attempt });
        if (message.attempt === 1) throw new Retry({ delay: 100 });
        throw new Reject("not for us");
      };`,
  });
  await using runner = await startServing({ amqpUrl: url, functionsDir: functions.path });
  await broker.publish(queue, ["x"]);

  const dead = await broker.take(`${queue}.dead`);

  assertEquals(dead.properties.headers?.["warren-reason"] as unknown, "rejected");
  assertEquals(dead.properties.headers?.["warren-error"] as unknown, "not for us");
  assertEquals(dead.properties.headers?.["warren-attempts"] as unknown, 2);
  assertEquals(runner.log.filter(isHandled).length, 2);
});

brokerTest("a body that is not the JSON it says is a dead letter at once, without a run", async (url) => {
  await using broker = await BrokerClient.connect(url);
  const queue = await broker.workQueue("json");
  await using functions = await folder({
    "json.ts": `
      export const config = { queue: "${queue}" };
      export default (message, context) => context.log.info("handled", { body: message.body });`,
  });
  await using runner = await startServing({ amqpUrl: url, functionsDir: functions.path });
  await broker.publish(queue, ["{oops"], { contentType: "application/json" });

  const dead = await broker.take(`${queue}.dead`);

  assertEquals(dead.bodyString(), "{oops");
  assertEquals(dead.properties.headers?.["warren-reason"] as unknown, "undecodable");
  assertEquals(runner.log.filter(isHandled), []);
});

brokerTest("what is posted runs, and the broker has it when the answer comes", async (url) => {
  await using broker = await BrokerClient.connect(url);
  const queue = await broker.workQueue("posted");
  await using functions = await folder({
    "posted.ts": `
      export const config = { queue: "${queue}" };
      export default (message, context) =>
        context.log.info("handled", { total: message.body.total, id: message.properties.messageId });`,
  });
  await using runner = await startServing({ amqpUrl: url, functionsDir: functions.path });

  const response = await fetch(`${runner.url}/functions/posted`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: '{"total":12}',
  });

  assertEquals(response.status, 202);
  const { messageId } = await response.json();
  const line = await runner.waitForLog(isHandled);
  assertEquals([line.total, line.id], [12, messageId]);
  const view = await eventually(async () => {
    const found = await (await fetch(`${runner.url}/functions/posted`)).json();
    return found.counts.completed === 1 && found;
  });
  assertEquals([view.state, view.queue, view.running], ["serving", queue, 0]);
});

brokerTest("functions are chained with context.publish, directly and through an exchange", async (url) => {
  await using broker = await BrokerClient.connect(url);
  const [first, second, third] = ["first", "second", "third"].map((name) => broker.queue(name));
  const exchange = uniqueName("chain");
  await using functions = await folder({
    "first.ts": `
      export const config = { queue: "${first}" };
      export default (message, context) =>
        context.publish({ n: message.body.n + 1 }, { routingKey: "${second}", headers: { trace: "t" } });`,
    "second.ts": `
      export const config = { queue: "${second}" };
      export default (message, context) =>
        context.publish({ n: message.body.n + 1, trace: message.headers.trace }, { exchange: "${exchange}", routingKey: "a.b" });`,
    "third.ts": `
      export const config = { queue: "${third}", bindings: [{ exchange: "${exchange}", type: "topic", routingKey: "a.*" }] };
      export default (message, context) => context.log.info("handled", { ...message.body, routingKey: message.routingKey });`,
  });
  await using runner = await startServing({ amqpUrl: url, functionsDir: functions.path });
  await broker.publish(first, ['{"n":1}'], { contentType: "application/json" });

  const { n, trace, routingKey } = await runner.waitForLog(isHandled);

  assertEquals([n, trace, routingKey], [3, "t", "a.b"]);
  await broker.deleteExchange(exchange);
});

brokerTest("a publish that no queue takes fails the handler", async (url) => {
  await using broker = await BrokerClient.connect(url);
  const queue = await broker.workQueue("unroutable");
  await using functions = await folder({
    "unroutable.ts": `
      export const config = { queue: "${queue}", retry: { attempts: 1 } };
      export default (_, context) => context.publish("x", { routingKey: "${uniqueName("nowhere")}" });`,
  });
  await using _runner = await startServing({ amqpUrl: url, functionsDir: functions.path });
  await broker.publish(queue, ["x"]);

  const dead = await broker.take(`${queue}.dead`);

  assertEquals(dead.properties.headers?.["warren-reason"] as unknown, "failed");
  assertMatch(String(dead.properties.headers?.["warren-error"]), /nowhere/);
});

brokerTest(
  "a queue that exists with other arguments is used as it is, with one warning that says what differs",
  async (url) => {
    await using broker = await BrokerClient.connect(url);
    const queue = broker.queue("other");
    await broker.declare(queue, true, { "x-max-length": 100 });
    await using functions = await folder({
      "other.ts": `
      export const config = { queue: "${queue}" };
      export default (message, context) => context.log.info("handled", { body: message.body });`,
    });
    await using runner = await startServing({ amqpUrl: url, functionsDir: functions.path });
    await broker.publish(queue, ["x"]);

    assertEquals((await runner.waitForLog(isHandled)).body, "x");
    // The broker that tests share may have queues of Warren's own from an earlier version.
    const warnings = runner.log.filter(({ level, message }) => level === "warn" && !message.includes("Warren's own"));
    assertEquals(warnings.length, 1);
    assertStringIncludes(warnings[0].message, `queue "${queue}" exists with other arguments`);
    assertStringIncludes(warnings[0].message, "x-max-length");
  },
);

brokerTest("a handler that runs too long times out, and one that ends its process crashes", async (url) => {
  await using broker = await BrokerClient.connect(url);
  const [slow, crashing] = [broker.queue("slow"), broker.queue("crashing")];
  await using functions = await folder({
    "slow.ts": `
      export const config = { queue: "${slow}", timeout: 200, retry: { attempts: 1 } };
      export default () => { for (;;); };`,
    "crashing.ts": `
      export const config = { queue: "${crashing}", retry: { attempts: 1 } };
      export default () => Deno.exit(3);`,
  });
  await using _runner = await startServing({ amqpUrl: url, functionsDir: functions.path });
  await broker.publish(slow, ["x"]);
  await broker.publish(crashing, ["x"]);

  const reasons = await Promise.all(
    [slow, crashing].map(async (queue) => (await broker.take(`${queue}.dead`)).properties.headers?.["warren-reason"]),
  );

  assertEquals(reasons as unknown[], ["timedOut", "crashed"]);
});
