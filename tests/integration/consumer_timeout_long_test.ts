import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { folder } from "../loader/folder.ts";
import { BrokerClient } from "../support/broker_client.ts";
import { isAtLeast } from "../support/broker_version.ts";
import { eventually } from "../support/eventually.ts";
import { Gate } from "../support/gate.ts";
import { privateNodeTest, startPrivateNode } from "../support/rabbitmq.ts";
import { handledBy, isHandled, seen, startServing } from "../support/serving.ts";

/** Milliseconds: far below the function's time limit. RabbitMQ looks for it at each tick of a channel. */
const CONSUMER_TIMEOUT = 2_000;
const TICK = 500;

for (const type of ["classic", "quorum"]) {
  privateNodeTest(
    `RabbitMQ, ${type}: a handler that outlives the broker's consumer timeout is aborted, and never runs beside itself`,
    () => outlivesConsumerTimeout(type),
  );
}

async function outlivesConsumerTimeout(type: string): Promise<void> {
  await using node = await startPrivateNode();
  if (type === "classic" && isAtLeast((await node.ctl("version")).trim(), "4.3")) {
    return console.log("From RabbitMQ 4.3 on, consumer_timeout acts on quorum queues alone.");
  }
  // Its configuration file knows only one of the two.
  await node.ctl(
    "eval",
    `application:set_env(rabbit, consumer_timeout, ${CONSUMER_TIMEOUT}),
       application:set_env(rabbit, channel_tick_interval, ${TICK}).`,
  );
  await using broker = await BrokerClient.connect(node.url);
  await using gate = await Gate.make();
  const queue = broker.queue("slow");
  await using functions = await folder({
    "slow.ts": `
        export const config = { queue: "${queue}", timeout: "90s", permissions: ${gate.permissions} };
        export default async ({ redelivered }, context) => {
          context.log.info("begun");
          context.signal.addEventListener("abort", () => context.log.info("aborted", { why: context.signal.reason.message }));
          ${gate.wait}
          context.log.info("handled", { redelivered });
        };`,
  });
  await using runner = await startServing({
    amqpUrl: node.url,
    functionsDir: functions.path,
    env: { QUEUE_TYPE: type },
  });
  const begun = () => runner.log.filter(({ message }) => message === "begun").length;
  await broker.publish(queue, ["x"], { messageId: "m" });

  const { message } = await runner.waitForLog(
    ({ level, message }) => level !== "info" && message.includes("consumer_timeout"),
    30_000,
  );
  for (const text of ["90 s", '"timeout"', "slow"]) assertStringIncludes(message, text);
  const aborted = await runner.waitForLog((line) => line.message === "aborted");
  assertStringIncludes(String(aborted.why), "the broker took the message back");
  // It was delivered again, and waits for the end of the run that lost it.
  await eventually(async () => (await seen(runner)).slow.running === 2);
  assertEquals(begun(), 1);

  await gate.open();
  await runner.waitForLog(({ message }) => message.includes("completed after the broker had taken its message back"));
  await runner.waitForLog((line) => isHandled(line) && line.redelivered === true);
  await eventually(async () => (await seen(runner)).slow.counts.completed === 1);
  await eventually(async () => (await seen(runner)).slow.running === 0);
  assert(begun() === 2 && handledBy(runner).length === 2);
  assertEquals((await broker.count(queue)).messages, 0);
}
