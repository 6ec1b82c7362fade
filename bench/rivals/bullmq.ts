import { Queue, Worker } from "bullmq";
import { Redis } from "ioredis";
import { Meter } from "./meter.ts";

/**
 * A BullMQ queue on Redis that is filled and then worked off, 200 jobs at once: `bullmq.ts URL COUNT BODY RUNS`. With 2
 * runs each job fails once and is retried after 100 ms.
 */
const [url, countText, body, runsText] = Deno.args;
const [count, runs] = [Number(countText), Number(runsText)];
const connect = () => new Redis(url, { maxRetriesPerRequest: null });

const queue = new Queue("bench", { connection: connect() });
const opts = { attempts: runs, backoff: { type: "fixed", delay: 100 }, removeOnComplete: true };
const job = { name: "bench", data: JSON.parse(body), opts };
for (let sent = 0; sent < count; sent += 500) {
  await queue.addBulk(Array.from({ length: Math.min(500, count - sent) }, () => job));
}
const meter = new Meter(count, runs);
const handler = (job: { attemptsMade: number }) => {
  return job.attemptsMade + 1 < runs ? Promise.reject(new Error("not yet")) : Promise.resolve();
};
const worker = new Worker("bench", handler, { connection: connect(), concurrency: 200 });
worker.on("completed", () => meter.count());
worker.on("failed", () => meter.count());
