import { assert, assertEquals } from "@std/assert";
import { folder } from "../loader/folder.ts";
import { BrokerClient } from "../support/broker_client.ts";
import { brokerVersion, isAtLeast } from "../support/broker_version.ts";
import { brokerTest } from "../support/brokers.ts";
import { eventually } from "../support/eventually.ts";
import { Proxy } from "../support/proxy.ts";
import { type LogLine, RunnerProcess } from "../support/runner_process.ts";
import { handledBy, startServing } from "../support/serving.ts";

const PARTITIONS = 2;
const KEYS = ["a", "b", "c", "d"];
/** Of each key. */
const COUNT = 10;
/** More than it takes, and not yet the limit of a queue that has one. */
const MOST_DEATHS = 15;

for (const type of ["classic", "quorum"]) {
  brokerTest(`an ordered message that kills its runner is a dead letter in its place, ${type}`, async (url) => {
    await using broker = await BrokerClient.connect(url);
    const queue = broker.queue("deadly");
    own(broker, queue);
    await using functions = await folder({
      "deadly.ts": `
        export const config = {
          queue: { name: "${queue}", arguments: { "x-queue-type": "${type}" } },
          order: { by: { header: "tenant" }, partitions: ${PARTITIONS} },
          isolation: "inline",
          concurrency: 50,
          prefetch: 50,
        };
        export default async (message, context) => {
          const { key, n } = message.body;
          context.log.info("begun", { key, n });
          // Long enough to be in flight with its neighbours.
          await new Promise((done) => setTimeout(done, 50));
          if (key === "b" && n === 3) Deno.kill(Deno.pid, "SIGKILL");
          context.log.info("handled", { key, n });
        };`,
    });
    const messages = KEYS.flatMap((key) => Array.from({ length: COUNT }, (_, n) => ({ key, n })));
    await broker.declare(queue, true, { "x-queue-type": type });
    await broker.publish(queue, messages.map((body) => JSON.stringify(body)), (at) => ({
      contentType: "application/json",
      messageId: `m-${at}`,
      headers: { tenant: messages[at].key },
    }));

    const handled: LogLine[] = [];
    let deaths = 0;
    for (; deaths < MOST_DEATHS; deaths++) {
      await using runner = new RunnerProcess({ amqpUrl: url, functionsDir: functions.path });
      const done = () => [...handled, ...handledBy(runner)];
      const all = eventually(() => distinct(done()).size === messages.length - 1, {
        timeout: 60_000,
        what: "the rest",
      });
      all.catch(() => {});
      const survived = await Promise.race([all.then(() => true), runner.status.then(() => false)]);
      if (!survived) await runner[Symbol.asyncDispose]();
      handled.push(...handledBy(runner));
      if (!survived) continue;
      const dead = await broker.take(`${queue}.dead`);
      assertEquals(JSON.parse(dead.bodyString()!), { key: "b", n: 3 });
      const { headers } = dead.properties as unknown as { headers: Record<string, unknown> };
      assertEquals([headers["warren-reason"], headers["warren-error-type"]], ["crashed", "CrashLoop"]);
      runner.kill("SIGTERM");
      await runner.status;
      break;
    }

    assert(deaths >= 4 && deaths <= 6, `its runner died ${deaths} times`);
    for (const key of KEYS) {
      const numbers = Array.from({ length: COUNT }, (_, n) => n).filter((n) => key !== "b" || n !== 3);
      const seen = handled.filter((line) => line.key === key).map(({ n }) => n as number);
      assertEquals(firsts(seen), numbers);
    }
    for (const name of [queue, `${queue}.dead`, ...partitions(queue)]) {
      assertEquals((await broker.count(name)).messages, 0);
    }
  });
}

/** The numbers in the order in which each was handled first. */
function firsts(numbers: number[]): number[] {
  return [...new Set(numbers)];
}

function distinct(lines: readonly LogLine[]): Set<string> {
  return new Set(lines.map(({ key, n }) => `${key} ${n}`));
}

function partitions(queue: string): string[] {
  return Array.from({ length: PARTITIONS }, (_, at) => `${queue}.p${at}`);
}

/** What an ordered function has beside its queue is deleted with it. */
function own(broker: BrokerClient, queue: string): void {
  for (const name of partitions(queue)) broker.own(name);
  for (let at = 0; at < PARTITIONS; at++) broker.own(`warren.trial.${at}.${queue}`);
}

const KINDS = [["classic", ""], ["quorum", ""], ["classic", "ordered"], ["quorum", "ordered"]] as const;
const BODIES = ["first", "second", "third"];
const ROUNDS = 25;

brokerTest("twenty-five drains, reloads, pauses, looks and SIGKILLs take nothing away", async (url) => {
  await using broker = await BrokerClient.connect(url);
  const unlimited: Record<string, number> = isAtLeast(await brokerVersion(url), "4.0")
    ? { "x-delivery-limit": -1 }
    : {};
  const held = await Promise.all(KINDS.map(([type, order]) => holding(broker, type, order === "ordered", unlimited)));
  const sources = Object.fromEntries(held.map(({ name, source }) => [`${name}.ts`, source]));
  await using functions = await folder(sources);
  const options = { amqpUrl: url, functionsDir: functions.path, env: { DRAIN_TIMEOUT: "50", WATCH: "true" } };

  for (let round = 1; round <= ROUNDS; round++) {
    await using runner = await startServing(options);
    await allBegun(runner);
    await Promise.all(held.map(({ name }) => pauseAndResume(runner, name)));
    const { name: changed, source } = held[round % held.length];
    await functions.write({ [`${changed}.ts`]: `${source}// ${round}` });
    await reloaded(runner);
    await Promise.all(held.map(({ name }) => look(runner, name)));
    runner.kill("SIGTERM");
    await runner.status;
  }
  // Nothing of that makes a message guilty.
  for (const { queue } of held) assertEquals(await bodiesIn(broker, `${queue}.dead`), BODIES);
  for (const { queue } of held) await broker.publish(`${queue}.dead`, BODIES);

  for (let round = 1; round <= ROUNDS; round++) {
    await using runner = new RunnerProcess(options);
    await runner.waitForLog(({ message }) => message === "begun" || message.startsWith("crashed"), 30_000);
    runner.kill("SIGKILL");
    await runner.status;
  }

  for (const { queue, queues } of held) {
    const all: string[] = [];
    // What a killed runner had comes back a little later.
    const twice = (body: string) => all.filter((one) => one === body).length >= 2;
    await eventually(async () => {
      for (const name of queues) all.push(...await bodiesIn(broker, name));
      return BODIES.every(twice);
    }, { timeout: 30_000, what: `all messages of ${queue}` }).catch((error) => {
      throw new Error(`${error.message}: ${all} are there`);
    });
    // A kill between the confirm of a dead letter and the ack of its message leaves both.
    assertEquals([...new Set(all)].toSorted(), BODIES.toSorted());
  }
});

/** A function whose first message runs for ever, and its queues. */
async function holding(broker: BrokerClient, type: string, ordered: boolean, unlimited: Record<string, number>) {
  const queue = broker.queue("held");
  own(broker, queue);
  const name = `${ordered ? "ordered" : "plain"}_${type}`;
  const order = ordered ? `order: { by: { header: "tenant" }, partitions: ${PARTITIONS} },` : "";
  // As Warren declares it, for it is killed before it can take a message out of a queue that drops it at the 21st return.
  await broker.declare(queue, true, { "x-queue-type": type, ...(type === "quorum" ? unlimited : {}) });
  await broker.declare(`${queue}.dead`, true, { "x-queue-type": type });
  for (const to of [queue, `${queue}.dead`]) {
    await broker.publish(to, BODIES, (at) => ({ messageId: `${to}-${at}`, headers: { tenant: "a" } }));
  }
  const source = `
    export const config = {
      queue: { name: "${queue}", arguments: { "x-queue-type": "${type}" } }, ${order}
      isolation: "inline", concurrency: 1, prefetch: 3, timeout: "10m", retry: { attempts: 1 },
    };
    export default async (message, context) => {
      context.log.info("begun");
      await new Promise((done) => setTimeout(done, 600_000));
    };
    `;
  return { name, queue, queues: [queue, `${queue}.dead`, ...(ordered ? partitions(queue) : [])], source };
}

async function allBegun(runner: RunnerProcess): Promise<void> {
  const begun = () => new Set(runner.log.filter(({ message }) => message === "begun").map((line) => line.function));
  await eventually(() => begun().size === KINDS.length, {
    timeout: 20_000,
    what: "one message of each function to run",
  });
}

async function pauseAndResume(runner: RunnerProcess, name: string): Promise<void> {
  for (const action of ["pause", "resume"]) {
    const response = await fetch(`${runner.url}/functions/${name}/${action}?here`, { method: "POST" });
    await response.body?.cancel();
    assert(response.ok, `${action}: ${response.status}`);
  }
}

async function reloaded(runner: RunnerProcess): Promise<void> {
  await runner.waitForLog(({ message }) => message === "serving a new version");
}

async function look(runner: RunnerProcess, name: string): Promise<void> {
  const response = await fetch(`${runner.url}/functions/${name}/dead`);
  assertEquals([response.status, (await response.json()).matched >= 0], [200, true]);
}

/** All that is there; they are gone from it then. */
async function bodiesIn(broker: BrokerClient, queue: string): Promise<string[]> {
  return (await broker.drain(queue)).map((message) => message.bodyString()!);
}

for (const type of ["classic", "quorum"]) {
  brokerTest(`connections that are lost while an ordered message runs are no deaths, ${type}`, async (url) => {
    await using broker = await BrokerClient.connect(url);
    await using proxy = Proxy.for(url);
    const queue = broker.queue("cut");
    own(broker, queue);
    await using functions = await folder({
      "cut.ts": `
        export const config = {
          queue: { name: "${queue}", arguments: { "x-queue-type": "${type}" } },
          order: { by: { header: "tenant" }, partitions: ${PARTITIONS} },
          isolation: "inline", timeout: "10m", retry: { attempts: 1 },
        };
        export default (message, context) => {
          context.log.info("begun");
          return new Promise((_, fail) => context.signal.addEventListener("abort", () => fail(context.signal.reason)));
        };`,
    });
    await broker.declare(queue, true, { "x-queue-type": type });
    await broker.publish(queue, ["long"], { messageId: "long", headers: { tenant: "a" } });
    await using runner = await startServing({ amqpUrl: proxy.urlFor(url), functionsDir: functions.path });
    const begun = () => runner.log.filter(({ message }) => message === "begun").length;

    for (let cuts = 0; cuts <= 5; cuts++) {
      await eventually(() => begun() > cuts, { timeout: 30_000, what: `the message to run after ${cuts} cuts` });
      assertEquals((await broker.count(`${queue}.dead`)).messages, 0);
      if (cuts < 5) proxy.cut();
    }
    runner.kill("SIGTERM");
  });
}
