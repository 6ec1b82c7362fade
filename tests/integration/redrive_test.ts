import { assertEquals } from "@std/assert";
import { dead } from "../../lib/cli/dead/dead.ts";
import { runCommand } from "../cli/run_command.ts";
import { folder } from "../loader/folder.ts";
import { BrokerClient } from "../support/broker_client.ts";
import { brokerTest } from "../support/brokers.ts";
import { eventually } from "../support/eventually.ts";
import { handledBy, startServing } from "../support/serving.ts";

/** Handles what says that it is well, and nothing else. */
function doctor(queue: string): string {
  return `
    import { Reject } from "warren";
    export const config = { queue: "${queue}", bindings: [{ exchange: "amq.topic", routingKey: "${queue}.*" }] };
    export default (message, context) => {
      if (message.body !== "well" && message.headers.cure === undefined) throw new Reject("not well");
      const { attempt, exchange, routingKey } = message;
      const redriven = message.headers["warren-redriven"];
      context.log.info("handled", { attempt, exchange, routingKey, redriven, error: message.headers["warren-error"] });
    };`;
}

brokerTest("what a runner buried comes back by hand and by HTTP, as if for the first time", async (url) => {
  await using broker = await BrokerClient.connect(url);
  const queue = broker.queue("doctor");
  await using functions = await folder({ "doctor.ts": doctor(queue) });
  await using runner = await startServing({ amqpUrl: url, functionsDir: functions.path });
  const isDead = () => eventually(async () => (await broker.count(`${queue}.dead`)).messages === 1);
  const ask = (path: string, method = "GET", body?: string) =>
    fetch(`${runner.url}/functions/doctor${path}`, { method, body }).then((response) => response.json());
  await broker.publishTo("amq.topic", `${queue}.new`, "ill", { messageId: "m-1" });
  await isDead();

  // Nothing has changed, so it dies again.
  assertEquals((await runCommand(dead, ["redrive", queue], { AMQP_URL: url })).stdout, `1 of 1 is back in ${queue}`);
  await isDead();
  const { deadLetters: [letter] } = await ask("/dead");
  assertEquals([letter.id, letter.reason, letter.redriven, letter.exchange, letter.routingKey], [
    "m-1",
    "rejected",
    1,
    "amq.topic",
    `${queue}.new`,
  ]);

  assertEquals(await ask("/dead/m-1", "PUT", '{"headers":{"cure":true}}'), { messageId: "m-1" });
  const [line] = await eventually(() => handledBy(runner).length === 1 && handledBy(runner));
  assertEquals([line.attempt, line.exchange, line.routingKey, line.redriven, line.error], [
    1,
    "amq.topic",
    `${queue}.new`,
    2,
    "not well",
  ]);
  assertEquals((await ask("/dead")).depth, 0);
});
