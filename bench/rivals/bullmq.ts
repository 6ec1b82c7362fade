import { Queue, Worker } from "bullmq";
import { Redis } from "ioredis";
import { taskFromArguments } from "./meter.ts";

/**
 * A BullMQ worker on Redis, 200 jobs at once. With an output each job adds a job to another queue; with a retry each fails once
 * and is retried after 100 ms. `bullmq.ts fill URL QUEUE COUNT LOAD BODY` fills the queue.
 */
const connect = (url: string) => new Redis(url, { maxRetriesPerRequest: null });

async function fill(url: string, name: string, count: number, load: string, body: string): Promise<void> {
  const queue = new Queue(name, { connection: connect(url) });
  const opts = { attempts: load === "retry" ? 2 : 1, backoff: { type: "fixed", delay: 100 }, removeOnComplete: true };
  const job = { name: "bench", data: JSON.parse(body), opts };
  for (let sent = 0; sent < count; sent += 500) {
    await queue.addBulk(Array.from({ length: Math.min(500, count - sent) }, () => job));
  }
}

function work(): void {
  const { url, queue, outputs, load, meter } = taskFromArguments();
  const out = new Queue(outputs, { connection: connect(url) });
  const handler = async ({ attemptsMade, data }: { attemptsMade: number; data: object }) => {
    if (load === "retry" && attemptsMade === 0) throw new Error("not yet");
    if (load === "output") await out.add("bench", data);
  };
  const worker = new Worker(queue, handler, { connection: connect(url), concurrency: 200 });
  worker.on("completed", () => meter.count());
  worker.on("failed", () => meter.count());
}

if (Deno.args[0] === "fill") {
  const [, url, queue, count, load, body] = Deno.args;
  await fill(url, queue, Number(count), load, body);
  Deno.exit(0);
} else {
  work();
}
