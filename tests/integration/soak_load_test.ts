import { assert, assertEquals } from "@std/assert";
import { EmbeddedBroker } from "../../bench/embedded_broker.ts";
import { rangeOf } from "../../bench/soak/memory_windows.ts";
import { SoakedRunner } from "../../bench/soak/soaked_runner.ts";

/** Messages a second. */
const RATE = 1_000;
const SECONDS = 150;
/** Samples in the first seconds are of a runner that warms up. */
const WARM_UP = 20;
/** Megabytes of the runner, resident. The load was seen to end at 155. */
const MOST = 200;

Deno.test("a runner under a steady load of some minutes stays below its bound of memory, and loses nothing", async () => {
  await using broker = await EmbeddedBroker.start();
  await using soaked = await SoakedRunner.start(broker, RATE);
  const samples: number[] = [];
  const { promise: over, resolve, reject } = Promise.withResolvers<void>();
  const look = async () => {
    samples.push((await soaked.sample()).runner);
    if (samples.length >= SECONDS) resolve();
  };
  const timer = setInterval(() => void look().catch(reject), 1_000);
  try {
    await over;
  } finally {
    clearInterval(timer);
  }
  await soaked.finish();

  const { min, median, max } = rangeOf(samples.slice(WARM_UP))!;
  const { published, done } = soaked.load;
  console.log(`${published} messages; MB: ${[min, median, max].map(Math.round).join("/")}`);
  assert(published > RATE * SECONDS / 2, `the load was ${published} messages only`);
  assert(max < MOST, `the runner had ${Math.round(max)} MB`);
  assertEquals(done, published);
});
