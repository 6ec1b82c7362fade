import { assert, assertEquals } from "@std/assert";
import { folder } from "../loader/folder.ts";
import { BrokerClient } from "../support/broker_client.ts";
import { brokerTest } from "../support/brokers.ts";
import { eventually } from "../support/eventually.ts";
import { handledBy, startServing } from "../support/serving.ts";

brokerTest("each time of a schedule runs once, with two runners, and goes on when one is killed", async (url) => {
  await using broker = await BrokerClient.connect(url);
  const queue = broker.queue("scheduled");
  broker.own(`warren.schedule.${queue}`);
  await using functions = await folder({
    "ticking.ts": `export const config = { queue: "${queue}", schedule: "* * * * * *", warm: true };
      export default (message, context) => context.log.info("handled", { at: message.body.scheduled });`,
  });
  const options = { amqpUrl: url, functionsDir: functions.path };
  await using first = await startServing(options);
  await using second = await startServing(options);
  const ticks = () => [...handledBy(first), ...handledBy(second)].map(({ at }) => String(at)).sort();

  await eventually(() => ticks().length >= 2);
  const before = ticks().length;
  first.kill("SIGKILL");
  await first.status;
  await eventually(() => ticks().length >= before + 3);

  const all = ticks();
  const killed = all[before];
  // What the killed runner had taken comes again; every other second is there once.
  const seconds = new Set(all);
  assert(all.length - seconds.size <= 1, `${all} around ${killed}`);
  const span = (Date.parse(all.at(-1)!) - Date.parse(all[0])) / 1000;
  assertEquals(seconds.size, span + 1, `no second is missed: ${all}`);
});
