import { assertEquals } from "@std/assert";
import { folder } from "../loader/folder.ts";
import { BrokerClient } from "../support/broker_client.ts";
import { Cluster } from "../support/cluster.ts";
import { eventually } from "../support/eventually.ts";
import { privateNodeTest } from "../support/rabbitmq.ts";
import type { RunnerProcess } from "../support/runner_process.ts";
import { handledBy, seen, startServing } from "../support/serving.ts";

privateNodeTest(
  "RabbitMQ: a cluster that loses a node keeps a pause, and runners on different nodes see each other",
  async () => {
    await using cluster = await Cluster.launch();
    await using functions = await folder({
      "work.ts": `export default (message, context) => context.log.info("handled", { body: message.body });`,
    });
    const start = (first: number) =>
      startServing({
        amqpUrl: cluster.url(cluster.nodes[first]),
        functionsDir: functions.path,
        env: { QUEUE_TYPE: "quorum", AMQP_HEARTBEAT: "2s" },
      });
    await using one = await start(0);
    await using two = await start(1);
    const met = async () => {
      for (const runner of [one, two]) {
        const { runners } = await (await fetch(`${runner.url}/runners`)).json();
        if (runners.filter(({ gone }: { gone: boolean }) => !gone).length !== 2) return false;
      }
      return true;
    };
    await eventually(met);
    assertEquals(await tell(one, "pause"), 200);
    assertEquals((await seen(two)).work.state, "paused");

    await (await cluster.leaderOf("warren.paused.work")).kill();
    await eventually(met, { timeout: 60_000 });
    await using client = await BrokerClient.connect(cluster.alive.url);
    // Its queue may have lost its leader as well.
    await eventually(() => client.publish("work", ["a"]).then(() => true), { timeout: 60_000 });
    await using three = await start(2);
    assertEquals((await seen(three)).work.state, "paused");
    assertEquals([one, two, three].flatMap(handledBy).length, 0);

    await eventually(async () => await tell(two, "resume") === 200, { timeout: 60_000 });
    await eventually(() => [one, two, three].flatMap(handledBy).length === 1, { timeout: 60_000 });
  },
);

async function tell(runner: RunnerProcess, what: string): Promise<number> {
  const response = await fetch(`${runner.url}/functions/work/${what}`, { method: "POST" });
  await response.body?.cancel();
  return response.status;
}
