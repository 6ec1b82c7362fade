import { assertEquals } from "@std/assert";
import { folder } from "../loader/folder.ts";
import { BrokerClient } from "../support/broker_client.ts";
import { brokerTest } from "../support/brokers.ts";
import { eventually } from "../support/eventually.ts";
import { handledBy, seen, startServing } from "../support/serving.ts";

brokerTest("dedupe refuses a message whose id was handled, and runs all others", async (amqpUrl) => {
  await using broker = await BrokerClient.connect(amqpUrl);
  const queue = broker.queue("pay");
  await using functions = await folder({
    "pay.ts": `export const config = { queue: "${queue}", dedupe: "5m", retry: ["50ms"] };
      const tries = new Map();
      export default async ({ body, properties }, context) => {
        const tried = (tries.get(properties.messageId) ?? 0) + 1;
        tries.set(properties.messageId, tried);
        if (body === "fails once" && tried === 1) throw new Error("once");
        context.log.info("handled", { id: properties.messageId ?? "none" });
      };`,
  });
  await using runner = await startServing({ amqpUrl, functionsDir: functions.path });
  // The tests share a store.
  const run = crypto.randomUUID();
  const send = (id: string | undefined, body = "x") =>
    broker.publish(queue, [body], { messageId: id && `${run}/${id}` });
  const ids = () => handledBy(runner).map(({ id }) => String(id).replace(`${run}/`, ""));
  const duplicates = async () => (await seen(runner)).pay.duplicates;

  await send("a");
  await send("a");
  await send("b", "fails once");
  await eventually(() => ids().length === 2);
  await eventually(async () => await duplicates() === 1);
  await send("b");
  await send("c");
  await send(undefined);
  await send(undefined);
  await eventually(async () => ids().length === 5 && await duplicates() === 2);
  assertEquals(ids().toSorted(), ["a", "b", "c", "none", "none"]);
  assertEquals((await broker.count(queue)).messages, 0);

  const response = await fetch(`${runner.url}/runs?id=${run}/a`);
  const { items }: { items: { next: unknown }[] } = await response.json();
  assertEquals(items.map(({ next }) => next), [{ kind: "ack", duplicate: true }, { kind: "ack" }]);
});
