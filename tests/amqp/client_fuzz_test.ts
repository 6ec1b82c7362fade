import { assert, assertEquals } from "@std/assert";
import { type Client, connectClient } from "../../lib/amqp/client/client.ts";
import { Random } from "../broker/random.ts";
import { flipped } from "../support/amqp/fuzzed_headers.ts";
import { rewrittenFrames } from "../support/amqp/rewritten_properties.ts";
import { brokerTest } from "../support/brokers.ts";
import { Proxy } from "../support/proxy.ts";

const CONNECTIONS = 80;
const MESSAGES = 20;
/** Milliseconds from the first spoilt frame to the end of its connection: what it does it does at once. */
const GRACE = 20;

/** Spoils frames of all kinds, and says when it has begun to. */
class Spoiler {
  readonly #random: Random;
  readonly #chance: number;
  readonly #begun = Promise.withResolvers<void>();

  constructor(random: Random) {
    this.#random = random;
    this.#chance = random.pick([0.01, 0.05, 0.3]);
  }

  get begun(): Promise<void> {
    return this.#begun.promise;
  }

  spoil(frame: Uint8Array): Uint8Array {
    const random = this.#random;
    if (!random.chance(this.#chance)) return frame;
    this.#begun.resolve();
    switch (random.int(4)) {
      case 0:
        return random.bytes(random.int(100));
      case 1:
        return frame.subarray(0, random.int(frame.length));
      default:
        return flipped(random, frame.slice());
    }
  }
}

/** Publishes with confirms and consumes with acks, until all have come back or the connection ends. */
async function roundTrips(client: Client): Promise<void> {
  const channel = await client.channel();
  channel.onerror = () => {};
  const { name } = await channel.queueDeclare("", { exclusive: true });
  await channel.confirmSelect();
  const { promise: all, resolve } = Promise.withResolvers<void>();
  let left = MESSAGES;
  const consumer = await channel.basicConsume(name, { noAck: false }, async (message) => {
    await message.ack().catch(() => {});
    if (--left === 0) resolve();
  });
  const ended = consumer.wait();
  ended.catch(() => {});
  const publishing = Array.from({ length: MESSAGES }, (_, n) => {
    return channel.basicPublish("", name, `${n}`, { messageId: `${n}`, headers: { n, text: "x" } });
  });
  await Promise.all(publishing);
  await Promise.race([all, ended]);
}

brokerTest(
  "frames that are broken in any way end their connection at most, and leave no call without an answer",
  async (url) => {
    const random = Random.printed();
    let spoiler = new Spoiler(random);
    await using proxy = Proxy.for(url, () => rewrittenFrames((frame) => spoiler.spoil(frame)));
    let opened = 0;
    for (let n = 0; n < CONNECTIONS; n++) {
      spoiler = new Spoiler(random.fork());
      const connecting = connectClient(proxy.urlFor(url), { heartbeat: 0, name: "fuzz", timeout: 5_000 });
      const spoilt = spoiler.begun.then(() => new Promise<void>((resolve) => setTimeout(resolve, GRACE)));
      const work = connecting.then(({ client }) => roundTrips(client));
      await Promise.race([work.catch(() => {}), spoilt]);
      proxy.cut();
      const [open] = await Promise.allSettled([connecting, work]);
      if (open.status === "rejected") continue;
      opened++;
      assert((await open.value.closed).length > 0);
      await open.value.close();
    }
    assert(opened > CONNECTIONS / 10, `${opened} of ${CONNECTIONS} connections were opened`);
    const { client, close } = await connectClient(url, { heartbeat: 0, name: "after" });
    await roundTrips(client);
    assertEquals(client.closed, false);
    await close();
  },
);
