import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { folder } from "../loader/folder.ts";
import { BrokerClient } from "../support/broker_client.ts";
import { Cluster } from "../support/cluster.ts";
import { eventually } from "../support/eventually.ts";
import { privateNodeTest } from "../support/rabbitmq.ts";
import { seen, startServing } from "../support/serving.ts";

const LEFT = `export const config = { queue: { type: "classic" } }; export default () => {};`;

/** Milliseconds for a runner that has nothing to finish. */
const DRAIN = 5_000;

// RabbitMQ 3.10 says at once that the queue's node is down; later versions let a declaration wait for a minute.
privateNodeTest(
  "RabbitMQ: classic queues of Warren's own on a lost node hold back no consumer and no drain",
  async () => {
    await using cluster = await Cluster.launch();
    const [kept, lost] = [cluster.nodes[0], cluster.nodes[2]];
    await using client = await BrokerClient.connect(kept.url);
    {
      // As an earlier version declared them. A classic queue is on the node that it is declared on.
      await using there = await BrokerClient.connect(lost.url);
      for (const queue of ["pay.dead", "warren.orphans", "left"]) {
        await there.declare(queue, true, { "x-queue-type": "classic" });
      }
    }
    await client.declare("done", true, { "x-queue-type": "quorum" });
    await using functions = await folder({
      "pay.ts": `export const config = { output: "done", retry: ["100ms"] };
      export default ({ body, attempt }) => { if (attempt === 1) throw new Error("first"); return body; };`,
    });
    const env = { QUEUE_TYPE: "quorum" };
    const options = { amqpUrl: cluster.url(kept), functionsDir: functions.path, env };
    await lost.kill();

    await using runner = await startServing(options);
    await client.publish("pay", ["1"]);
    assertEquals((await client.take("done")).bodyString(), "1", "a retry was needed as well");
    const late = await runner.waitForLog(({ message }) =>
      message.includes('not answered for 5 s about queue "pay.dead"')
    );
    assertEquals(late.level, "warn");
    const { ready, checks } = await (await fetch(`${runner.url}/readyz?verbose`)).json();
    const check = checks.find(({ name }: { name: string }) => name === 'declaring queue "pay.dead"');
    assertEquals([ready, check?.ok], [true, false]);
    assertStringIncludes(check.detail, "the broker has not answered for");

    // One whose own queue is there as well waits for its node, and for it alone.
    await Deno.writeTextFile(`${functions.path}/left.ts`, LEFT);
    await eventually(async () => (await seen(runner)).left?.error?.includes('about queue "left"'), { timeout: 20_000 });
    await client.publish("pay", ["2"]);
    assertEquals((await client.take("done")).bodyString(), "2");

    const begun = performance.now();
    runner.kill("SIGTERM");
    assertEquals((await runner.status).code, 0);
    const took = performance.now() - begun;
    console.log(`a runner whose declares have no answer ended ${Math.round(took)} ms after SIGTERM`);
    assert(took < DRAIN, `it took ${took} ms`);

    await lost.start();
    await using next = await startServing(options);
    await next.waitForLog(({ message }) => message.includes("Warren's own, exist as classic queues"));
  },
  { newer: true },
);
