import { assert, assertEquals, assertRejects } from "@std/assert";
import { WarrenError } from "../../lib/base/errors.ts";
import { queue as queueCommand } from "../../lib/cli/queue/queue.ts";
import { runCommand, runMain } from "../cli/run_command.ts";
import { folder } from "../loader/folder.ts";
import { BrokerClient } from "../support/broker_client.ts";
import { brokerTest } from "../support/brokers.ts";
import { eventually } from "../support/eventually.ts";
import { startServing } from "../support/serving.ts";

/** A delay that no other test has: retry queues are shared by all that use the broker. */
function ownDelay(): number {
  return (10 + Math.floor(Math.random() * 90)) * 10_000_000;
}

/** Fails, is buried or is held, as its message says; the next one waits in the queue. */
function moody(queue: string, delay: number): string {
  return `
    import { Reject } from "warren";
    export const config = {
      queue: "${queue}", concurrency: 1, prefetch: 1, retry: [${delay}],
      schedule: { cron: "0 0 1 1 *", timezone: "UTC" }, rateLimit: { limit: 1000, per: "1s" }, permissions: { env: ["MOOD"] },
    };
    export default async (message, context) => {
      if (message.properties.messageId === undefined) return;
      if (message.body === "fail") throw new Error("not now");
      if (message.body === "bury") throw new Reject("never");
      await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
    };`;
}

brokerTest(
  "what waits, runs, retries and is dead is counted; a retry is cancelled; the queue is purged",
  async (url) => {
    await using broker = await BrokerClient.connect(url);
    const delay = ownDelay();
    const [queue, rung] = [broker.queue("moody"), broker.own(`warren.retry.${delay}`)];
    broker.own(`warren.schedule.${queue}`);
    await using functions = await folder({ "moody.ts": moody(queue, delay) });
    await using runner = await startServing({ amqpUrl: url, functionsDir: functions.path });
    const ask = async (path: string, method = "GET") => {
      const response = await fetch(runner.url + path, { method });
      return { status: response.status, body: await response.json() };
    };
    const send = (body: string, messageId: string) =>
      fetch(`${runner.url}/functions/moody`, { method: "POST", body, headers: { "message-id": messageId } })
        .then((response) => response.body?.cancel());
    const ids = [1, 2, 3].map((number) => `${queue}-${number}`);
    await send("fail", ids[0]);
    await send("fail", ids[1]);
    await send("bury", ids[2]);
    for (const body of ["hold", "wait", "wait"]) await send(body, crypto.randomUUID());

    const { body } = await eventually(async () => {
      const found = await ask("/functions/moody");
      const { ready, unacknowledged, retrying, dead } = found.body.depth;
      return ready === 2 && unacknowledged === 1 && retrying === 2 && dead === 1 && found;
    }, { what: "the depth to be what was sent" });
    assertEquals([body.depth.consumers, body.depth.retryingAtMost, body.depth.source], [1, 2, "broker"]);
    assert(body.depth.oldest >= 0 && body.depth.oldest < 60_000, `the oldest is ${body.depth.oldest} ms old`);
    assertEquals([body.schedule.cron, body.schedule.next.slice(4)], ["0 0 1 1 *", "-01-01T00:00:00.000Z"]);
    assertEquals([body.rateLimit, body.permissions.env, body.enabled], [{ limit: 1000, per: 1000 }, ["MOOD"], true]);
    const { body: scale } = await ask("/scale/moody");
    assertEquals([scale.waiting, scale.inFlight, scale.total], [2, 1, 3]);

    assertEquals((await ask(`/waiting/${ids[0]}`, "DELETE")).body, { messageId: ids[0], cancelled: true });
    assertEquals((await ask(`/waiting/${ids[0]}`, "DELETE")).status, 404);
    const env = { AMQP_URL: url, FUNCTIONS_DIR: functions.path };
    const { code, stdout } = await runMain(["cancel", ids[1]], env);
    assertEquals([code, stdout.trim()], [0, `${ids[1]} is cancelled: it waited in ${rung} for attempt 2 in ${queue}`]);
    await eventually(async () => (await ask("/functions/moody")).body.depth.retrying === 0);

    const listed = JSON.parse((await runCommand(queueCommand, ["list", "--json"], env)).stdout);
    const [{ queue: name, ready, dead, unacknowledged }] = listed.functions;
    assertEquals([name, ready, dead, unacknowledged], [queue, 2, 1, undefined]);
    await assertRejects(() => runCommand(queueCommand, ["purge", "moody"], env), WarrenError, "say --yes");
    const unknown = ["purge", `${queue}-x`, "--yes"];
    await assertRejects(() => runCommand(queueCommand, unknown, env), WarrenError, "there is no queue");
    assertEquals(
      JSON.parse((await runMain(["queue", "purge", "moody", "--yes", "--json"], env)).stdout),
      { queue, purged: 2, queues: { [queue]: 2 } },
    );
    await send("wait", crypto.randomUUID());
    assertEquals((await ask(`/functions/moody/queue?confirm=${queue}`, "DELETE")).body, {
      function: "moody",
      queue,
      purged: 1,
    });
    await broker.deleteExchange(rung);
  },
);
