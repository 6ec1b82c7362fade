import { assertEquals, assertStringIncludes } from "@std/assert";
import { folder } from "../loader/folder.ts";
import { BrokerClient } from "../support/broker_client.ts";
import { brokerTest } from "../support/brokers.ts";
import { eventually } from "../support/eventually.ts";
import { handledBy, startServing } from "../support/serving.ts";

/** A Standard Schema by hand: zod, valibot and arktype make such objects. */
const SCHEMA = `
  export const input = {
    "~standard": {
      version: 1,
      vendor: "test",
      async validate(value) {
        if (typeof value?.email === "string") return { value: { email: value.email.toLowerCase() } };
        return { issues: [{ message: "expected a string", path: ["email"] }, { message: "and more" }] };
      },
    },
  };`;

brokerTest("a function that exports an input gets what it lets through, and the rest are dead letters", async (url) => {
  await using broker = await BrokerClient.connect(url);
  const queue = await broker.workQueue("input");
  await using functions = await folder({
    "signup.ts": `${SCHEMA}
      export const config = { queue: "${queue}" };
      export default (message, context) => context.log.info("handled", { body: message.body });`,
  });
  await using runner = await startServing({ amqpUrl: url, functionsDir: functions.path });

  await broker.publish(queue, ['{"email":"A@B.example"}', '{"email":5}'], { contentType: "application/json" });

  const dead = await broker.take(`${queue}.dead`);
  const headers = dead.properties.headers as Record<string, string>;
  assertEquals([headers["warren-reason"], headers["warren-error-type"]], ["invalid", "ValidationError"]);
  assertEquals(JSON.parse(headers["warren-issues"]), [
    { message: "expected a string", path: "email" },
    { message: "and more", path: "" },
  ]);
  await eventually(() => handledBy(runner).length === 1);
  assertEquals(handledBy(runner)[0].body, { email: "a@b.example" });
});

brokerTest("HTTP says 422 with the issues before anything is published", async (url) => {
  await using broker = await BrokerClient.connect(url);
  const queue = await broker.workQueue("input");
  await using functions = await folder({
    "signup.ts": `${SCHEMA}
      export const config = { queue: "${queue}" };
      export default (message, context) => context.log.info("handled");`,
  });
  await using runner = await startServing({ amqpUrl: url, functionsDir: functions.path });
  const post = (body: string) =>
    fetch(`${runner.url}/functions/signup`, { method: "POST", body, headers: { "content-type": "application/json" } });

  const refused = await post("{}");
  const problem = await refused.json();
  const taken = await post('{"email":"a@b.example"}');
  await taken.body?.cancel();

  assertEquals([refused.status, taken.status], [422, 202]);
  assertStringIncludes(problem.detail, "email: expected a string");
  assertEquals(problem.issues[0], { message: "expected a string", path: "email" });
  await eventually(() => handledBy(runner).length === 1);
  assertEquals((await broker.count(`${queue}.dead`)).messages, 0);
});
