import { assert, assertEquals } from "@std/assert";
import type { Found } from "../../lib/invocation/insight/operator_view.ts";
import type { ErrorGroup, Run, RunSummary } from "../../lib/invocation/insight/run.ts";
import { readEvents } from "../../lib/cli/runs/event_reader.ts";
import { folder } from "../loader/folder.ts";
import { BrokerClient } from "../support/broker_client.ts";
import { brokerTest } from "../support/brokers.ts";
import { eventually } from "../support/eventually.ts";
import type { RunnerProcess } from "../support/runner_process.ts";
import { startServing } from "../support/serving.ts";

async function get<T>(runner: RunnerProcess, path: string): Promise<T> {
  return await (await fetch(runner.url + path)).json();
}

async function runsOf(runner: RunnerProcess, query: string): Promise<readonly RunSummary[]> {
  return (await get<Found<RunSummary>>(runner, `/runs?${query}`)).items;
}

/** A story as `message id: attempt outcome → what became of the message`, oldest first. */
function told(runs: readonly RunSummary[]): string[] {
  return runs.map(({ messageId, attempt, outcome, next }) => `${messageId}: ${attempt} ${outcome} → ${next.kind}`);
}

brokerTest("what became of each message is recorded, and still known after a restart", async (url) => {
  await using broker = await BrokerClient.connect(url);
  // Any runner shows the runs of all: on a broker that tests share, names and ids must be this test's own.
  const [source, target] = [broker.queue("source"), broker.queue("target")];
  const [m1, m2] = [`${source}-1`, `${source}-2`];
  await using functions = await folder({
    [`${source}.ts`]: `export const config = { queue: "${source}", retry: ["10ms"] };
      export default async (message, context) => {
        context.log.info("looking at it", { body: message.body });
        if (message.body === "bad") throw new Error("order " + Math.random() + " is 'bad'");
        await context.publish(message.body, { routingKey: "${target}" });
      };`,
    [`${target}.ts`]: `export const config = { queue: "${target}" }; export default () => {};`,
  });
  await using data = await folder({});
  const env = { WARREN_DATA: data.path, RUNS_BODIES: "true", LOG_COMPLETED: "all" };
  const options = { amqpUrl: url, functionsDir: functions.path, env };
  let failedId: string;
  {
    await using runner = await startServing(options);
    const following = await fetch(`${runner.url}/logs?function=${source}&follow=true`);
    const events = readEvents(following.body!);
    assertEquals((await events.next()).value?.event, "following");

    await broker.publish(source, ["good"], { contentType: "text/plain", messageId: m1 });
    await broker.publish(source, ["bad"], {
      contentType: "text/plain",
      messageId: m2,
      headers: { tenant: "Bergen" },
    });

    const seen = [(await events.next()).value!, (await events.next()).value!].map(({ data }) => JSON.parse(data));
    assertEquals(seen.map(({ line }) => line.fields.body).toSorted(), ["bad", "good"]);
    await events.return(undefined);

    await eventually(async () => (await runsOf(runner, `id=${m2}`)).length === 2);
    await eventually(async () => (await runsOf(runner, `function=${target}`)).length === 1);
    const story = async (id: string) =>
      told((await get<Found<RunSummary>>(runner, `/messages/${encodeURIComponent(id)}/runs`)).items);
    const whole = [`${m1}: 1 completed → ack`, `${m1}/0: 1 completed → ack`];
    assertEquals([await story(m1), await story(`${m1}/0`)], [whole, whole]);
    assertEquals(await story(m2), [`${m2}: 1 failed → retry`, `${m2}: 2 failed → deadLetter`]);

    const [last] = await runsOf(runner, `function=${source}&failed=true&text=bergen`);
    failedId = last.id;
    const run = await get<Run>(runner, `/runs/${last.id}`);
    assertEquals([run.function, run.attempt, run.body?.text, run.headers.tenant], [source, 2, "bad", "Bergen"]);
    assertEquals(run.logs.map(({ message, fields }) => [message, fields]), [["looking at it", { body: "bad" }]]);
    assert(run.stack?.includes(`${source}.ts`) && run.receivedAt <= run.startedAt && run.startedAt <= run.endedAt);
    const [parent] = await runsOf(runner, `id=${m1}`);
    const [child] = await runsOf(runner, `id=${m1}/0`);
    assertEquals([parent.published, child.parentId], [[`${m1}/0`], m1]);

    const { items: [group] } = await get<Found<ErrorGroup>>(runner, `/functions/${source}/errors`);
    assertEquals([group.message, group.count], ["order … is …", 2]);
    const { points } = await get<{ points: { completed: number; failed: number; coldStarts: number }[] }>(
      runner,
      `/functions/${source}/history`,
    );
    const sum = (key: keyof typeof points[number]) => points.reduce((all, point) => all + point[key], 0);
    assertEquals([sum("completed"), sum("failed"), sum("coldStarts")], [1, 2, 1]);
    const logged = () => runner.log.filter(({ message }) => message === "completed");
    const completed = await eventually(() => logged().length === 2 && logged());
    assertEquals(completed.map(({ messageId, attempt }) => [messageId, attempt]), [[m1, 1], [`${m1}/0`, 1]]);

    runner.kill("SIGTERM");
    assert((await runner.status).success);
  }
  await using again = await startServing(options);
  assertEquals((await get<Run>(again, `/runs/${failedId}`)).id, failedId);
  assertEquals((await runsOf(again, `function=${source}`)).length, 3);
});
