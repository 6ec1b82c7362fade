import { assert, assertEquals } from "@std/assert";
import { folder } from "../loader/folder.ts";
import { BrokerClient } from "../support/broker_client.ts";
import { Cluster } from "../support/cluster.ts";
import { eventually } from "../support/eventually.ts";
import { type PrivateNode, privateNodeTest } from "../support/rabbitmq.ts";
import { startServing } from "../support/serving.ts";

const UNORDERED = 15_000;
const KEYS = 20;
const EACH = 250;
const TOTAL = UNORDERED + KEYS * EACH;
/** Milliseconds without progress that the loss of one node of three may cost, by how it is lost. */
const PATIENCE = { kill: 5_000, stop: 10_000 };
const QUORUM = { "x-queue-type": "quorum" };

/** What a run says that was delivered again, since its runner or its node was lost before the ack: it came once. */
const AGAIN = " again";

/** Where everything ends that the functions are done with. */
const DONE = ["work.done", "ordered.done", "tick.done"] as const;

const FUNCTIONS = {
  "work.ts": `
    export const config = {
      queue: "work",
      output: "work.done", concurrency: 40, retry: ["100ms", "1s", "1s"],
    };
    export default ({ body, attempt }) => {
      if (attempt === 1 && Number(body) % 20 === 0) throw new Error("on the first attempt");
      return body;
    };`,
  "ordered.ts": `
    export const config = {
      queue: "ordered",
      output: "ordered.done", concurrency: 20, retry: ["50ms", "1s", "1s"],
      order: { by: { header: "key" }, partitions: 4 },
    };
    export default ({ body, attempt }) => {
      if (attempt === 1 && body.endsWith("7")) throw new Error("on the first attempt");
      return body;
    };`,
  "tick.ts": `
    export const config = {
      queue: "tick",
      output: "tick.done", schedule: "* * * * * *",
    };
    export default ({ body, redelivered }) => body.scheduled + (redelivered ? AGAIN : "");`.replace(
    "AGAIN",
    `"${AGAIN}"`,
  ),
};

privateNodeTest(
  "RabbitMQ: a cluster that loses one node after the other loses no message, no order and no schedule",
  async () => {
    await using cluster = await Cluster.launch();
    await declareDone(cluster);
    await using functions = await folder(FUNCTIONS);
    const env = { QUEUE_TYPE: "quorum" };
    const start = (first: PrivateNode) =>
      startServing({ amqpUrl: cluster.url(first), functionsDir: functions.path, env });
    await using _one = await start(cluster.nodes[0]);
    await using _other = await start(cluster.nodes[1]);
    const progress = new Progress(cluster);
    await using _watching = progress;
    await fill(cluster);

    await progress.reaches(TOTAL * 0.1);
    await lose("the leader of the work queue, killed", await cluster.leaderOf("work"), "kill", progress);
    await progress.reaches(TOTAL * 0.3);
    await lose("the leader of most queues, killed", await cluster.busiest(), "kill", progress);
    for (const [index, node] of cluster.nodes.entries()) {
      await progress.reaches(TOTAL * (0.5 + index * 0.15));
      await lose(`node ${index + 1}, stopped for an upgrade`, node, "stop", progress);
    }
    await progress.reaches(TOTAL);
    await balances(cluster);
  },
);

async function declareDone(cluster: Cluster): Promise<void> {
  await using client = await BrokerClient.connect(cluster.nodes[0].url);
  for (const queue of DONE) await client.declare(queue, true, QUORUM);
}

/** The queues are there: the runners have declared them. */
async function fill(cluster: Cluster): Promise<void> {
  await using client = await BrokerClient.connect(cluster.nodes[0].url);
  const bodies = Array.from({ length: UNORDERED }, (_, n) => String(n));
  for (let from = 0; from < UNORDERED; from += 5_000) await client.publish("work", bodies.slice(from, from + 5_000));
  const ordered = Array.from({ length: KEYS * EACH }, (_, at) => `${at % KEYS}/${Math.floor(at / KEYS)}`);
  await client.publish("ordered", ordered, (at) => ({ headers: { key: String(at % KEYS) } }));
}

/** Takes a node away and brings it back; meanwhile the work goes on. */
async function lose(what: string, node: PrivateNode, how: "kill" | "stop", progress: Progress): Promise<void> {
  const before = progress.ticks;
  progress.forget();
  await node[how]();
  // Each run of the schedule is progress as well: the longest pause is known even where the work is done.
  await eventually(() => progress.ticks >= before + 5, { timeout: 90_000, what: "the schedule to go on" });
  await node.start();
  const pause = Math.round(progress.longest);
  console.log(`${what}: ${pause} ms without progress`);
  assert(pause <= PATIENCE[how], `${what}: ${pause} ms without progress`);
}

/** Watches how many messages are done, by whatever node answers. */
class Progress implements AsyncDisposable {
  readonly #cluster: Cluster;
  readonly #watching: Promise<void>;
  #counts: number[] = DONE.map(() => 0);
  #since = performance.now();
  #longest = 0;
  #stopped = false;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
    this.#watching = this.#watch();
  }

  /** Runs of the schedule that are done. */
  get ticks(): number {
    return this.#counts[2];
  }

  /** The longest time, in milliseconds, in which nothing was done. */
  get longest(): number {
    return Math.max(this.#longest, performance.now() - this.#since);
  }

  forget(): void {
    this.#longest = 0;
    this.#since = performance.now();
  }

  async reaches(count: number): Promise<void> {
    const done = () => this.#counts[0] + this.#counts[1] >= count;
    await eventually(done, { timeout: 300_000, interval: 50, what: `${count} messages to be done` });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    await this.#watching;
  }

  async #watch(): Promise<void> {
    while (!this.#stopped) {
      try {
        await using client = await BrokerClient.connect(this.#cluster.alive.url);
        while (!this.#stopped) await this.#look(client);
      } catch {
        // That node is gone: another one is asked.
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  async #look(client: BrokerClient): Promise<void> {
    const counts: number[] = [];
    for (const queue of DONE) counts.push((await client.count(queue)).messages);
    const now = performance.now();
    if (counts.some((count, index) => count > this.#counts[index])) {
      this.#longest = Math.max(this.#longest, now - this.#since);
      this.#since = now;
    }
    this.#counts = counts.map((count, index) => Math.max(count, this.#counts[index]));
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function balances(cluster: Cluster): Promise<void> {
  await using client = await BrokerClient.connect(cluster.alive.url);
  const read = async (queue: string) => (await client.drain(queue)).map((message) => message.bodyString() ?? "");
  const work: string[] = [];
  const ordered: string[] = [];
  await eventually(async () => {
    work.push(...await read("work.done"));
    ordered.push(...await read("ordered.done"));
    return new Set(work).size === UNORDERED && new Set(ordered).size === KEYS * EACH;
  }, { timeout: 240_000, interval: 500, what: "every message to be done" }).catch((error) => {
    throw new Error(`${UNORDERED - new Set(work).size} and ${KEYS * EACH - new Set(ordered).size} lost: ${error}`);
  });
  const runs = await read("tick.done");
  const ticks = runs.filter((run) => !run.endsWith(AGAIN));
  console.log(
    `${TOTAL} messages: 0 lost, ${work.length - UNORDERED} and ${ordered.length - KEYS * EACH} handled again; ` +
      `${ticks.length} runs of the schedule, ${ticks.length - new Set(ticks).size} twice, ` +
      `${runs.length - ticks.length} delivered again`,
  );
  assertInOrder(ordered);
  assertEquals(ticks.length - new Set(ticks).size, 0, "a run of the schedule came twice");
  for (const queue of ["work.dead", "ordered.dead", "tick.dead", "warren.orphans"]) {
    assertEquals((await client.count(queue)).messages, 0, queue);
  }
}

/** What was not acked comes again; nothing comes before what was ahead of it. */
function assertInOrder(done: readonly string[]): void {
  const last = new Map<number, number>();
  for (const [key, n] of done.map((body) => body.split("/").map(Number))) {
    const before = last.get(key) ?? -1;
    assert(n <= before + 1, `key ${key}: ${n} came after ${before}`);
    last.set(key, Math.max(before, n));
  }
}
