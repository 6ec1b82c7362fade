import { fileURLToPath } from "node:url";
import type { AMQPProperties } from "@cloudamqp/amqp-client";
import { BenchQueue, runs } from "../support.ts";
import type { Contender, Load, Run, Size, Store, Trial } from "./contender.ts";
import { BODY, BODY_TEXT, CELERY_BODY, celeryProperties, OUTPUTS, PROPERTIES } from "./messages.ts";
import { type RivalCommand, RivalProcess } from "./rival_process.ts";

const RIVALS = fileURLToPath(new URL("../rivals/", import.meta.url));
const DENO = ["run", "-A", "--config", `${RIVALS}deno.json`];
const BROKERS: readonly Store[] = ["embedded", "RabbitMQ"];
const FAST: Size = { short: 10_000, long: 60_000 };

/** What a script is asked to do. */
type Task = Pick<Trial, "url" | "count" | "warm"> & { readonly load: string };

/** A peer, and whether it is there. */
export interface Peer extends Contender {
  /** Whether everything is there that it needs; packages of npm are downloaded here. */
  found(): Promise<boolean>;
  /** A command that gets it. */
  readonly install: string;
}

export const PEERS: readonly Peer[] = [
  npmPeer("amqplib by hand", "amqplib", { loads: ["consume", "output"] }),
  npmPeer("@cloudamqp/amqp-client by hand", "amqp_client", { loads: ["consume", "output"] }),
  npmPeer("rascal", "rascal", { loads: ["consume", "output"] }),
  npmPeer("@golevelup/nestjs-rabbitmq", "nestjs", { loads: ["consume", "output"] }),
  npmPeer("rabbitmq-client", "rabbitmq_client", { loads: ["consume", "output"] }),
  {
    ...npmPeer("BullMQ", "bullmq", { loads: ["consume", "output", "retry"] }),
    stores: ["Redis"],
    run: (trial) => onRedis(trial, (queue) => bullmqFill(trial, queue), (queue) => npmCommand("bullmq", trial, queue)),
  },
  celery(),
  sidekiq(),
];

/** One that speaks AMQP. */
function npmPeer(name: string, script: string, { loads }: { loads: Load[] }): Peer {
  return {
    name,
    stores: BROKERS,
    loads,
    size: FAST,
    install: `deno cache --config bench/rivals/deno.json bench/rivals/${script}.ts`,
    found: () => runs(Deno.execPath(), ["cache", ...DENO.slice(2), `${RIVALS}${script}.ts`]),
    run: (trial) =>
      onBroker(trial, { body: BODY, properties: () => PROPERTIES }, (queue) => npmCommand(script, trial, queue)),
  };
}

/** Messages a second that amqplib takes, publishes once more without confirms, and acks. */
export async function forwardUnconfirmed(url: string, count: number): Promise<number> {
  const task = { url, count, warm: FAST.short, load: "unconfirmed" };
  const messages = { body: BODY, properties: () => PROPERTIES };
  return (await onBroker(task, messages, (queue) => npmCommand("amqplib", task, queue))).rate;
}

function npmCommand(script: string, { url, count, warm, load }: Task, queue: string): RivalCommand {
  const args = [...DENO, `${RIVALS}${script}.ts`, url, queue, `${count}`, `${warm}`, load];
  return { command: Deno.execPath(), args };
}

function bullmqFill({ url, count, load }: Trial, queue: string): Promise<boolean> {
  return runs(Deno.execPath(), [...DENO, `${RIVALS}bullmq.ts`, "fill", url, queue, `${count}`, load, BODY_TEXT]);
}

const PYTHON = "/usr/bin/python3";

/** With the prefork pool it is the only peer that runs handlers in other processes, as Warren does. */
function celery(): Peer {
  const workers = navigator.hardwareConcurrency;
  const args = ["-m", "celery", "-A", "celery_bench", "worker", "--pool", "prefork", "--concurrency", `${workers}`];
  const quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "ERROR"];
  const prefetch = ["--prefetch-multiplier", `${Math.ceil(200 / workers)}`];
  return {
    name: "Celery, prefork",
    stores: BROKERS,
    loads: ["consume", "output"],
    size: { short: 1_000, long: 4_000 },
    install: "apt-get install python3-celery",
    found: () => runs(PYTHON, ["-c", "import celery"]),
    run: (trial) =>
      onBroker(trial, { body: CELERY_BODY, properties: celeryProperties }, (queue) => ({
        command: PYTHON,
        args: [...args, ...prefetch, ...quiet],
        env: { ...environment(trial, queue), PYTHONDONTWRITEBYTECODE: "1" },
        cwd: RIVALS,
      })),
  };
}

/** It looks for jobs to retry every few seconds, so a retry is no load for it. */
function sidekiq(): Peer {
  const script = `${RIVALS}sidekiq_bench.rb`;
  return {
    name: "Sidekiq",
    stores: ["Redis"],
    loads: ["consume", "output"],
    size: { short: 2_000, long: 8_000 },
    install: "apt-get install ruby-sidekiq",
    found: () => runs("ruby", ["-e", `require "sidekiq"`]),
    run: (trial) =>
      onRedis(
        trial,
        (queue) => runs("ruby", [script, BODY_TEXT], environment(trial, queue)),
        (queue) => ({ command: "sidekiq", args: ["-r", script, "-q", queue], env: environment(trial, queue) }),
      ),
  };
}

function environment({ url, count, warm, load }: Task, queue: string): Record<string, string> {
  return { BENCH_URL: url, BENCH_QUEUE: queue, BENCH_COUNT: `${count}`, BENCH_WARM: `${warm}`, BENCH_LOAD: load };
}

interface Messages {
  body: Uint8Array;
  properties: () => AMQPProperties;
}

async function onBroker(
  trial: Pick<Trial, "url" | "count" | "warm">,
  { body, properties }: Messages,
  command: (queue: string) => RivalCommand,
): Promise<Run> {
  await using queue = new BenchQueue(trial.url, [OUTPUTS]);
  await queue.fill(trial.count, body, properties);
  await using rival = new RivalProcess(command(queue.name));
  return await rival.finish(trial);
}

/** A Redis of the benchmark's own is emptied by its end. */
async function onRedis(
  trial: Trial,
  fill: (queue: string) => Promise<boolean>,
  command: (queue: string) => RivalCommand,
): Promise<Run> {
  const queue = `bench-${crypto.randomUUID().slice(0, 8)}`;
  if (!await fill(queue)) throw new Error(`the queue ${queue} could not be filled`);
  await using rival = new RivalProcess(command(queue));
  return await rival.finish(trial);
}
