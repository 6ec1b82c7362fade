import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { folder } from "../loader/folder.ts";
import { BrokerClient } from "../support/broker_client.ts";
import { eventually } from "../support/eventually.ts";
import { type PrivateNode, privateNodeTest, startPrivateNode } from "../support/rabbitmq.ts";
import { type RunnerProcess, startRunner } from "../support/runner_process.ts";
import { handledBy, startServing } from "../support/serving.ts";

const FUNCTIONS = {
  "failing.ts": `
    export const config = { bindings: [{ exchange: "shop", routingKey: "order" }], retry: ["100ms"] };
    export default (message, context) => {
      if (message.attempt === 1 || message.body === "never") throw new Error("not yet");
      context.log.info("handled", { body: message.body });
    };`,
  "ordered.ts": `
    export const config = { order: { by: "routingKey", partitions: 2 }, retry: ["100ms"] };
    export default (message, context) => context.log.info("handled", { body: message.body });`,
  "ticking.ts": `
    export const config = { schedule: "* * * * * *", retry: ["100ms"] };
    export default (message, context) => context.log.info("handled", { body: "tick" });`,
};

/** A user with these rights, as regular expressions. */
async function userWith(node: PrivateNode, name: string, rights: [string, string, string]): Promise<string> {
  await node.ctl("add_user", name, "secret");
  await node.ctl("set_permissions", name, ...rights);
  const url = new URL(node.url);
  Object.assign(url, { username: name, password: "secret" });
  return url.href;
}

const messages = (runner: RunnerProcess) => runner.log.map(({ message }) => message).join("\n");

privateNodeTest(
  "RabbitMQ: a user that may configure nothing runs all kinds of functions once everything is there",
  async () => {
    await using node = await startPrivateNode();
    await using functions = await folder(FUNCTIONS);
    const restricted = await userWith(node, "ann", ["^$", ".*", ".*"]);
    {
      await using runner = await startRunner({ amqpUrl: restricted, functionsDir: functions.path });
      for (const name of ["failing", "ordered", "ticking"]) {
        await eventually(() => messages(runner).includes(`queue "${name}.dead"`), {
          what: `${name} to say what it lacks`,
        });
      }
      const text = messages(runner);
      for (const queue of ["warren.retry.100", "warren.orphans", "ordered.p1", "warren.schedule.ticking"]) {
        assertStringIncludes(text, queue);
      }
      assertStringIncludes(
        text,
        "configure failing, failing.dead, warren.dispatch, warren.orphans, warren.retry.100, shop",
      );
      assert(!text.includes("secret@"));
    }
    // Somebody with all rights makes everything, by running once.
    {
      await using runner = await startServing({ amqpUrl: node.url, functionsDir: functions.path });
      await using client = await BrokerClient.connect(node.url);
      await client.publishTo("shop", "order", "first");
      await eventually(() => handledBy(runner).some(({ body }) => body === "first"));
      await eventually(() => handledBy(runner).some(({ body }) => body === "tick"));
    }
    await using runner = await startServing({ amqpUrl: restricted, functionsDir: functions.path });
    await using client = await BrokerClient.connect(node.url);
    await client.publishTo("shop", "order", "second");
    await client.publishTo("shop", "order", "never");
    await client.publish("ordered", ["in order"]);
    await eventually(() => {
      const bodies = handledBy(runner).map(({ body }) => body);
      return ["second", "in order", "tick"].every((body) => bodies.includes(body));
    });
    assertEquals(String((await client.take("failing.dead")).bodyString()), "never");
  },
);

privateNodeTest("RabbitMQ: a user that may not bind runs with the bindings that are there, and says so", async () => {
  await using node = await startPrivateNode();
  await using functions = await folder({ "failing.ts": FUNCTIONS["failing.ts"] });
  await (await startServing({ amqpUrl: node.url, functionsDir: functions.path }))[Symbol.asyncDispose]();
  const rights: [string, string, string] = ["^$", "^(amq\\.default|warren\\.retry\\..*)$", "^failing$"];
  const restricted = await userWith(node, "bob", rights);
  await using setup = await BrokerClient.connect(node.url);
  {
    await using runner = await startRunner({ amqpUrl: restricted, functionsDir: functions.path });
    await eventually(() => messages(runner).includes('queue "warren.retry.100"'), {
      what: "the queue that is missing",
    });
  }
  {
    await using runner = await startServing({ amqpUrl: node.url, functionsDir: functions.path });
    await setup.publishTo("shop", "order", "first");
    await eventually(() => handledBy(runner).some(({ body }) => body === "first"));
  }
  await using runner = await startServing({ amqpUrl: restricted, functionsDir: functions.path });
  assertStringIncludes(messages(runner), 'binding of queue "failing" to exchange "shop"');
  await setup.publishTo("shop", "order", "second");
  await eventually(() => handledBy(runner).some(({ body }) => body === "second"));
});
