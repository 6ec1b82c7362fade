import { assert, assertEquals } from "@std/assert";
import { folder } from "../loader/folder.ts";
import { BrokerClient } from "../support/broker_client.ts";
import { brokerTest } from "../support/brokers.ts";
import { eventually } from "../support/eventually.ts";
import { EventReader } from "../support/message_events.ts";
import { handledBy, startServing } from "../support/serving.ts";

/** Does what its message says. */
function steps(queue: string): string {
  return `import { Reject } from "warren";
    export const config = { queue: "${queue}", retry: ["50ms"], prefetch: 1, concurrency: 1 };
    export default async ({ body, attempt }, context) => {
      context.log.info("handled", { pid: Deno.pid });
      if (body.reject) throw new Reject("not this one");
      if (body.failing && attempt === 1) throw new Error("once");
      for (let step = 1; step <= (body.steps ?? 0); step++) context.progress({ step });
      if (body.stays) await new Promise((resolve) => setTimeout(resolve, body.stays));
      return { attempt };
    };`;
}

const JSON_TYPE = { contentType: "application/json" };

brokerTest("whoever follows a message sees it wait, run, retry, and end, on any runner", async (amqpUrl) => {
  await using broker = await BrokerClient.connect(amqpUrl);
  const queue = broker.queue("steps");
  await using functions = await folder({ "steps.ts": steps(queue) });
  await using nothing = await folder({});
  await using runner = await startServing({ amqpUrl, functionsDir: functions.path });
  // This one has no function: whatever it tells of, it has heard from the other one.
  await using other = await startServing({ amqpUrl, functionsDir: nothing.path });
  // Until they hear each other, what they tell is lost.
  for (const [one, another] of [[runner, other], [other, runner]]) {
    await eventually(async () => (await (await fetch(`${one.url}/runners`)).text()).includes(`.${another.pid}"`));
  }
  const id = crypto.randomUUID();
  await using near = await EventReader.open(`${runner.url}/messages/${id}/events`);
  await using far = await EventReader.open(`${other.url}/messages/${id}/events`);
  await eventually(() => near.kinds.length === 1 && far.kinds.length === 1);

  await broker.publish(queue, ['{"failing":true,"steps":3}'], { ...JSON_TYPE, messageId: id });

  const expected = ["queued", "running", "retrying", "running", "done"];
  for (const { ended, at } of [{ ended: near.ended(), at: "near" }, { ended: far.ended(), at: "far" }]) {
    const events = await ended;
    // How many values of a loop that takes no time are seen depends on the moment; the last one always is.
    const progress = events.filter(({ event }) => event === "progress").map(({ data }) => data.value);
    assertEquals(progress.at(-1), { step: 3 });
    const states = events.filter(({ event }) => event !== "progress");
    assertEquals([at, ...states.map(({ event }) => event)], [at, ...expected]);
    const [, running, retrying, again, done] = states.map(({ data }) => data);
    assertEquals([running.function, running.attempt, again.attempt], ["steps", 1, 2]);
    assertEquals([retrying.attempt, (retrying.error as { message: string }).message], [2, "once"]);
    assertEquals([done.result, done.contentType], [{ attempt: 2 }, "application/json"]);
  }
  await using late = await EventReader.open(`${other.url}/messages/${id}/events`);
  const [{ event, data }] = await late.ended();
  assertEquals([event, data.function, data.result, typeof data.omitted], ["done", "steps", undefined, "string"]);

  await using dead = await EventReader.open(`${other.url}/messages/${encodeURIComponent(`${id}/2`)}/events`);
  await eventually(() => dead.kinds.length === 1);
  await broker.publish(queue, ['{"reject":true}'], { ...JSON_TYPE, messageId: `${id}/2` });
  const last = (await dead.ended()).at(-1)!;
  assertEquals([last.event, last.data.reason], ["dead", "rejected"]);
});

brokerTest("a message whose runner is killed is seen to run on the other one", async (amqpUrl) => {
  await using broker = await BrokerClient.connect(amqpUrl);
  const queue = broker.queue("steps");
  await using functions = await folder({ "steps.ts": steps(queue) });
  await using first = await startServing({ amqpUrl, functionsDir: functions.path });
  const id = crypto.randomUUID();
  await broker.publish(queue, ['{"steps":1,"stays":60000}'], { ...JSON_TYPE, messageId: id });
  await eventually(() => handledBy(first).length === 1);
  await using second = await startServing({ amqpUrl, functionsDir: functions.path });

  // It runs already: the runner that has it says so, and how far it is.
  await using reader = await EventReader.open(`${second.url}/messages/${id}/events`);
  await eventually(() => reader.last?.event === "progress");
  const runs = () => reader.events.filter(({ event }) => event === "running").map(({ data }) => data.startedAt);
  assertEquals(runs().length, 1);
  first.kill("SIGKILL");
  await eventually(() => runs().length === 2);
  assert(runs()[0] !== runs()[1]);
});
