import { assertEquals } from "@std/assert";
import { folder } from "../loader/folder.ts";
import { BrokerClient } from "../support/broker_client.ts";
import { brokerTest } from "../support/brokers.ts";
import { eventually } from "../support/eventually.ts";
import { handledBy, startServing, troubleOf } from "../support/serving.ts";

brokerTest("a dead letter goes to the function that onDead names, once, and its own go no further", async (amqpUrl) => {
  await using broker = await BrokerClient.connect(amqpUrl);
  const [work, alerts] = [broker.queue("work"), broker.queue("alerts")];
  await using functions = await folder({
    "work.ts": `import { Reject } from "warren";
      export const config = { queue: "${work}", retry: ["50ms"], onDead: "${alerts}" };
      export default ({ body }) => { throw body === "bad" ? new Reject("bad") : new Error("down"); };`,
    "alerts.ts": `import { Reject } from "warren";
      export const config = { queue: "${alerts}", onDead: "${work}", body: "raw" };
      export default (message, context) => {
        const { headers, attempt, properties } = message;
        const body = new TextDecoder().decode(message.body);
        context.log.info("handled", { body, headers, attempt, id: properties.messageId, reply: properties.replyTo });
        if (body === "bad") throw new Reject("nobody to tell");
      };`,
  });
  await using runner = await startServing({ amqpUrl, functionsDir: functions.path });

  await broker.publish(work, ["down"], { messageId: "m", headers: { order: 7 } });
  const dead = await broker.take(`${work}.dead`);
  await eventually(() => handledBy(runner).length === 1);
  const [{ body, headers, attempt, id }] = handledBy(runner);
  assertEquals([body, attempt, id], ["down", 1, "m/dead"]);
  const { "warren-alert": alert, "warren-parent": parent, ...told } = headers as Record<string, unknown>;
  assertEquals([alert, parent], ["work", "m"]);
  const { "warren-attempt": last, "warren-failed-at": failedAt, ...kept } = dead.properties.headers!;
  assertEquals([told["warren-reason"], told["warren-attempts"], told.order, last], ["failed", 2, 7, 2]);
  // Queues may add headers of their own.
  const names = (headers: Record<string, unknown>) => Object.keys(headers).filter((name) => !name.startsWith("x-"));
  assertEquals(names(told).sort(), [...names(kept), "warren-failed-at"].sort());
  assertEquals(typeof failedAt, "string");

  await broker.publish(work, ["bad"], { messageId: "n" });
  const own = await broker.take(`${alerts}.dead`);
  assertEquals([own.properties.messageId, own.properties.headers!["warren-reason"]], ["n/dead", "rejected"]);
  assertEquals((await broker.take(`${work}.dead`)).properties.messageId, "n");
  assertEquals(handledBy(runner).length, 2);
});

brokerTest("without the queue that onDead names, a message still becomes a dead letter", async (amqpUrl) => {
  await using broker = await BrokerClient.connect(amqpUrl);
  const work = broker.queue("work");
  await using functions = await folder({
    "work.ts": `export const config = { queue: "${work}", retry: [], onDead: "${work}.nobody" };
      export default () => { throw new Error("down"); };`,
  });
  await using runner = await startServing({ amqpUrl, functionsDir: functions.path });
  await broker.publish(work, ["x"], { messageId: "m" });
  assertEquals((await broker.take(`${work}.dead`)).properties.messageId, "m");
  const told = troubleOf(runner).filter(({ level }) => level === "error").map(({ message }) => message);
  assertEquals(told.length, 1);
  assertEquals(told[0].includes(`could not be sent to "${work}.nobody", as onDead says`), true);
});
