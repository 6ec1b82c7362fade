import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { residentMemory } from "../support/resident_memory.ts";
import { folder } from "../loader/folder.ts";
import { BrokerClient } from "../support/broker_client.ts";
import { brokerTest } from "../support/brokers.ts";
import { eventually } from "../support/eventually.ts";
import { Gate } from "../support/gate.ts";
import type { RunnerProcess } from "../support/runner_process.ts";
import { isHandled, startServing } from "../support/serving.ts";

const REQUESTS = 10_000;
/** As many as come at once: each has a connection of its own, and a listener's backlog is short. */
const WAVE = 500;
const CONCURRENCY = 10;
const MEGABYTE = 1024 * 1024;
/** Bytes of the runner's memory that one waiting request may take. */
const MAX_BYTES_EACH = 64 * 1024;
/** Beside the requests' own connections, in the test's process and in the runner's. */
const DESCRIPTORS = REQUESTS + 200;

/** What the function answers. */
interface Answer {
  n: string;
  replyTo: string;
}

brokerTest("ten thousand requests wait at the same time, and each gets its own answer", async (url) => {
  await assertDescriptors();
  await using broker = await BrokerClient.connect(url);
  await using gate = await Gate.make();
  const queue = broker.queue("waiting");
  await using functions = await folder({
    "waiting.ts": `
      export const config = { queue: "${queue}", concurrency: ${CONCURRENCY}, timeout: "5m", permissions: ${gate.permissions} };
      export default async (message, context) => {
        ${gate.wait}
        if (message.body === "late") context.log.info("handled", { body: message.body });
        return { n: message.body, replyTo: message.properties.replyTo };
      };`,
  });
  await using runner = await startServing({ amqpUrl: url, functionsDir: functions.path });
  const before = residentMemory(runner.pid)!;
  let answered = 0;
  const pending: Promise<Answer>[] = [];
  const started = performance.now();
  for (let from = 0; from < REQUESTS; from += WAVE) {
    for (let n = from; n < from + WAVE; n++) {
      const asked = ask(runner, String(n), 300).then(async (response) => {
        answered++;
        assertEquals(response.status, 200);
        return await response.json() as Answer;
      });
      asked.catch(() => {});
      pending.push(asked);
    }
    // Some are with the function, which holds them; the others are in its queue.
    await eventually(async () => (await broker.count(queue)).messages >= from + WAVE - CONCURRENCY, {
      timeout: 60_000,
      what: `${from + WAVE} requests that wait`,
    });
  }

  const late = await ask(runner, "late", 1);
  assertEquals(late.status, 504);
  assertStringIncludes((await late.json()).detail, "waits in its queue or is being handled");
  assertEquals([answered, (await broker.count(queue)).messages], [0, REQUESTS + 1 - CONCURRENCY]);
  const waiting = residentMemory(runner.pid)!;
  const filled = performance.now();
  await gate.open();
  const answers = await Promise.all(pending);
  const ended = performance.now();
  const after = residentMemory(runner.pid)!;

  assertEquals(answers.map(({ n }) => Number(n)), Array.from({ length: REQUESTS }, (_, n) => n));
  assertEquals(new Set(answers.map(({ replyTo }) => replyTo)).size, 1);
  // What nobody waited for any more was worked on all the same.
  await runner.waitForLog((line) => isHandled(line) && line.body === "late");
  const mb = (bytes: number) => `${Math.round(bytes / MEGABYTE)} MB`;
  console.log(
    `${REQUESTS} requests waited after ${Math.round(filled - started)} ms and had their answers ` +
      `${Math.round(ended - filled)} ms after the gate; the runner had ${mb(before)} before, ` +
      `${mb(waiting)} with all of them waiting, and ${mb(after)} at the end`,
  );
  for (const bytes of [waiting, after]) assert(bytes - before < REQUESTS * MAX_BYTES_EACH, `it has ${mb(bytes)}`);
});

async function ask(runner: RunnerProcess, body: string, wait: number): Promise<Response> {
  const headers = { prefer: `wait=${wait}`, "content-type": "text/plain" };
  return await fetch(`${runner.url}/functions/waiting`, { method: "POST", body, headers });
}

/** Deno raises its own limit to the highest that it may have, so that one counts. */
async function assertDescriptors(): Promise<void> {
  const { stdout } = await new Deno.Command("sh", { args: ["-c", "ulimit -Hn"] }).output();
  const limit = new TextDecoder().decode(stdout).trim();
  assert(
    limit === "unlimited" || Number(limit) >= DESCRIPTORS,
    `this test needs ${DESCRIPTORS} file descriptors in a process, and may have ${limit}: raise \`ulimit -Hn\``,
  );
}
