import { assertEquals, assertStringIncludes } from "@std/assert";
import { folder } from "../loader/folder.ts";
import { BrokerClient } from "../support/broker_client.ts";
import { brokerTest } from "../support/brokers.ts";
import { eventually } from "../support/eventually.ts";
import { Gate } from "../support/gate.ts";
import { handledBy, startServing } from "../support/serving.ts";

const TELLING = `context.log.info("handled", { body: message.body, id: message.properties.messageId });`;

brokerTest("functions chain: what one returns is the next one's message", async (url) => {
  await using broker = await BrokerClient.connect(url);
  const [first, second] = [broker.queue("first"), broker.queue("second")];
  await using functions = await folder({
    "first.ts": `export const config = {
        queue: "${first}",
        output: { routingKey: "${second}", headers: { tenant: "a", "warren": 1 } },
      };
      export default (message) => ({ sum: message.body.a + message.body.b });`,
    "second.ts": `export const config = { queue: "${second}" };
      export default (message, context) => {
        context.log.info("handled", { body: message.body, id: message.properties.messageId, to: message.headers });
      };`,
  });
  await using runner = await startServing({ amqpUrl: url, functionsDir: functions.path });

  await broker.publish(first, ['{"a":1,"b":2}'], { contentType: "application/json", messageId: "m" });

  await eventually(() => handledBy(runner).length === 1);
  assertEquals([handledBy(runner)[0].body, handledBy(runner)[0].id], [{ sum: 3 }, "m/0"]);
  const { tenant, warren } = handledBy(runner)[0].to as Record<string, unknown>;
  assertEquals([tenant, warren], ["a", 1]);

  // Over HTTP, held back and with a priority.
  const sent = Date.now();
  const query = "delay=300ms&priority=4";
  const response = await fetch(`${runner.url}/functions/first?${query}`, {
    method: "POST",
    body: '{"a":2,"b":2}',
    headers: { "content-type": "application/json", "message-id": "held" },
  });
  assertEquals([response.status, await response.json()], [202, { messageId: "held" }]);
  await eventually(() => handledBy(runner).length === 2);
  assertEquals([handledBy(runner)[1].body, handledBy(runner)[1].id], [{ sum: 4 }, "held/0"]);
  assertEquals(Date.now() - sent >= 300, true);
});

brokerTest("an invocation that fails publishes nothing, and one that succeeds later publishes once", async (url) => {
  await using broker = await BrokerClient.connect(url);
  const [source, target] = [broker.queue("source"), broker.queue("target")];
  await broker.declare(target);
  await using functions = await folder({
    "source.ts": `export const config = { queue: "${source}", retry: ["50ms"] };
      export default async (message, context) => {
        await context.publish("attempt " + message.attempt, { routingKey: "${target}", priority: 3 });
        if (message.attempt === 1) throw new Error("not yet");
        context.log.info("handled");
      };`,
  });
  await using runner = await startServing({ amqpUrl: url, functionsDir: functions.path });

  await broker.publish(source, ["x"]);

  await eventually(() => handledBy(runner).length === 1);
  const output = await broker.take(target);
  assertEquals([output.bodyString(), output.properties.priority, output.properties.deliveryMode], ["attempt 2", 3, 2]);
  assertEquals((await broker.count(target)).messages, 0);
});

brokerTest("an output that no queue takes makes the invocation a failed one, with a clear error", async (url) => {
  await using broker = await BrokerClient.connect(url);
  const source = await broker.workQueue("source");
  await using functions = await folder({
    "source.ts": `export const config = { queue: "${source}", retry: { attempts: 1 }, output: "nowhere.${source}" };
      export default () => "x";`,
  });
  await using _ = await startServing({ amqpUrl: url, functionsDir: functions.path });

  await broker.publish(source, ["x"]);

  const dead = await broker.take(`${source}.dead`);
  const { "warren-error-type": type, "warren-error": error } = dead.properties.headers as Record<string, string>;
  assertEquals(type, "PublishError");
  assertStringIncludes(error, `there is no queue "nowhere.${source}"`);
});

brokerTest("an output with a delay comes when it is over", async (url) => {
  await using broker = await BrokerClient.connect(url);
  const [source, target] = [broker.queue("source"), broker.queue("target")];
  await broker.declare(target);
  await using functions = await folder({
    "source.ts": `export const config = { queue: "${source}" };
      export default async (_, context) => {
        await context.publish("later", { routingKey: "${target}", delay: 500 });
        await context.publish("now", { routingKey: "${target}" });
      };`,
  });
  await using _ = await startServing({ amqpUrl: url, functionsDir: functions.path });

  await broker.publish(source, ["x"]);

  assertEquals((await broker.take(target)).bodyString(), "now");
  assertEquals((await broker.take(target)).bodyString(), "later");
});

brokerTest("who asks gets the answer with its correlation id, and an error once it is final", async (url) => {
  await using broker = await BrokerClient.connect(url);
  const [queue, answers] = [broker.queue("asked"), broker.queue("answers")];
  await broker.declare(answers);
  await using functions = await folder({
    "asked.ts": `export const config = { queue: "${queue}", retry: ["20ms"] };
      export default (message) => {
        if (message.body === "fail") throw new RangeError("attempt " + message.attempt);
        return { echo: message.body };
      };`,
  });
  await using _ = await startServing({ amqpUrl: url, functionsDir: functions.path });

  await broker.publish(queue, ["hi"], { replyTo: answers, correlationId: "c1", contentType: "text/plain" });
  const good = await broker.take(answers);
  await broker.publish(queue, ["fail"], { replyTo: answers, correlationId: "c2", contentType: "text/plain" });
  const bad = await broker.take(answers);

  assertEquals([good.bodyString(), good.properties.correlationId], ['{"echo":"hi"}', "c1"]);
  assertEquals(good.properties.headers?.["warren-outcome"] as unknown, "completed");
  assertEquals(bad.properties.correlationId, "c2");
  const { error } = JSON.parse(bad.bodyString()!);
  assertEquals(error, { type: "RangeError", message: "attempt 2", outcome: "failed", attempts: 2 });
});

brokerTest("HTTP waits for the answer where it is asked to: 200, 422, 500 or 504", async (url) => {
  await using broker = await BrokerClient.connect(url);
  const queue = await broker.workQueue("asked");
  await using gate = await Gate.make();
  await using functions = await folder({
    "asked.ts": `import { Reject } from "warren";
      export const config = { queue: "${queue}", retry: { attempts: 1 }, permissions: ${gate.permissions} };
      export default async (message) => {
        if (message.body === "reject") throw new Reject("no such thing");
        if (message.body === "fail") throw new TypeError("broken");
        if (message.body === "slow") ${gate.wait}
        return { echo: message.body };
      };`,
  });
  await using runner = await startServing({ amqpUrl: url, functionsDir: functions.path });
  const ask = async (body: string, wait = 10) => {
    const headers = { prefer: `wait=${wait}`, "content-type": "text/plain" };
    const response = await fetch(`${runner.url}/functions/asked`, { method: "POST", body, headers });
    assertEquals(response.headers.get("preference-applied"), `wait=${wait}`);
    return [response.status, await response.json()] as const;
  };

  assertEquals(await ask("hi"), [200, { echo: "hi" }]);
  const [rejected, why] = await ask("reject");
  assertEquals([rejected, why.error.message, why.error.outcome], [422, "no such thing", "rejected"]);
  const [failed, how] = await ask("fail");
  assertEquals([failed, how.error.type, how.error.message], [500, "TypeError", "broken"]);
  const [late, what] = await ask("slow", 1);
  assertEquals(late, 504);
  assertStringIncludes(what.detail, "waits in its queue or is being handled");
});

brokerTest("a trace goes on from HTTP through a function to what it publishes", async (url) => {
  await using broker = await BrokerClient.connect(url);
  const [queue, target] = [broker.queue("traced"), broker.queue("target")];
  await broker.declare(target);
  await using functions = await folder({
    "traced.ts": `export const config = { queue: "${queue}", output: "${target}" };
      export default (message, context) => { ${TELLING} return "x"; };`,
  });
  await using runner = await startServing({ amqpUrl: url, functionsDir: functions.path });
  const trace = "4bf92f3577b34da6a3ce929d0e0e4736";

  const headers = { traceparent: `00-${trace}-00f067aa0ba902b7-01` };
  await (await fetch(`${runner.url}/functions/traced`, { method: "POST", body: "x", headers })).body?.cancel();

  const output = await broker.take(target);
  assertStringIncludes(String(output.properties.headers?.traceparent), `00-${trace}-`);
  assertEquals(handledBy(runner)[0].trace, trace);
});
