/**
 * Half of a flood, in a process of its own: `flooding.ts URL consume QUEUES` has exclusive queues bound to `amq.fanout`,
 * takes what they get and settles nothing; `flooding.ts URL publish` publishes to that exchange as fast as the broker
 * reads. Either says a line when it begins.
 */
import { DeafClient, methodFrame, publishFrames } from "./deaf_client.ts";
import { joined } from "./fuzz_frames.ts";

const [url, role, queues] = Deno.args;
/** Messages of one write. */
const BATCH = 1_000;

async function consume(count: number): Promise<void> {
  const client = await DeafClient.open(url);
  for (let index = 0; index < count; index++) {
    const queue = `flooded-${index}`;
    await client.send(joined([
      methodFrame(1, "queue.declare", { queue, exclusive: true }),
      methodFrame(1, "queue.bind", { queue, exchange: "amq.fanout" }),
      methodFrame(1, "basic.consume", { queue }),
    ]));
  }
  console.log("ready");
  await client.drop();
}

async function publish(): Promise<void> {
  const client = await DeafClient.open(url);
  const one = publishFrames({ exchange: "amq.fanout" }, new Uint8Array(0), { deliveryMode: 2 });
  const batch = joined(Array.from({ length: BATCH }, () => one));
  console.log("ready");
  for (;;) await client.send(batch);
}

await (role === "consume" ? consume(Number(queues)) : publish());
