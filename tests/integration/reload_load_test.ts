import { assert } from "@std/assert";
import { folder } from "../loader/folder.ts";
import { BrokerClient } from "../support/broker_client.ts";
import { brokerTest } from "../support/brokers.ts";
import { startServing } from "../support/serving.ts";

brokerTest("a new file is bound within a second", async (url) => {
  await using broker = await BrokerClient.connect(url);
  const [old, fresh] = [broker.queue("old"), broker.queue("fresh")];
  const functionOn = (queue: string) => `export const config = { queue: "${queue}" };\nexport default () => {};`;
  await using functions = await folder({ "old.ts": functionOn(old) });
  await using runner = await startServing({ amqpUrl: url, functionsDir: functions.path });

  const written = performance.now();
  await functions.write({ "fresh.ts": functionOn(fresh) });
  await runner.waitForLog(({ message }) => message === `serving queue "${fresh}"`);

  // A second, and what a busy machine adds.
  const took = performance.now() - written;
  assert(took < 2_000, `it took ${Math.round(took)} ms`);
});
