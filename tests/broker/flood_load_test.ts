import { assert, assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import { BrokerChild } from "./broker_child.ts";

const MEGABYTE = 1024 * 1024;
const LIMIT = 512 * MEGABYTE;
/** What docs/broker.md says that the broker may have above its limit. */
const MARGIN = LIMIT / 2;
const QUEUES = 200;
const PUBLISHERS = 1;
const SECONDS = 15;

const SCRIPT = fileURLToPath(new URL("flooding.ts", import.meta.url));

/** A process of `flooding.ts` that has begun. */
async function flooding(...args: string[]): Promise<AsyncDisposable> {
  const process = new Deno.Command(Deno.execPath(), { args: ["run", "-A", SCRIPT, ...args], stdout: "piped" }).spawn();
  const reader = process.stdout.getReader();
  const { done } = await reader.read();
  assert(!done, "the flood did not begin");
  return {
    async [Symbol.asyncDispose]() {
      process.kill("SIGKILL");
      await process.status;
      await reader.cancel();
    },
  };
}

Deno.test("publishers that flood 200 queues without acks keep nobody waiting and the memory in its limit", async () => {
  await using broker = await BrokerChild.start({ memoryLimit: LIMIT });
  await using _consumers = await flooding(broker.url, "consume", `${QUEUES}`);
  await using publishers = new AsyncDisposableStack();
  for (let count = 0; count < PUBLISHERS; count++) publishers.use(await flooding(broker.url, "publish"));
  let [worst, most, connected] = [0, 0, 0];
  const watch = setInterval(() => most = Math.max(most, broker.rss), 20);
  try {
    for (const until = performance.now() + SECONDS * 1000; performance.now() < until; connected++) {
      const started = performance.now();
      await (await broker.connect()).close();
      worst = Math.max(worst, performance.now() - started);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  } finally {
    clearInterval(watch);
  }
  console.log(
    `${connected} connections, the slowest in ${Math.round(worst)} ms; ${Math.round(most / MEGABYTE)} MB at most`,
  );
  assert(worst < 1_000, `a new connection took ${Math.round(worst)} ms`);
  assert(most < LIMIT + MARGIN, `the broker had ${Math.round(most / MEGABYTE)} MB`);
  // How soon the limit is reached depends on the machine; nothing else may be said.
  assertEquals(
    broker.log.map(({ message }) => message).filter((said) => said !== "low on memory: publishers wait"),
    [],
  );
});
