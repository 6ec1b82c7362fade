import { fileURLToPath } from "node:url";
import { answers } from "../tests/support/broker_probe.ts";
import { EmbeddedBroker } from "./embedded_broker.ts";
import { progress } from "./held.ts";
import { LoadClient } from "./load/load_client.ts";
import { forwardUnconfirmed } from "./contest/peers.ts";
import { median, NamedQueues } from "./support.ts";

const RABBITMQ = Deno.env.get("AMQP_URL") ?? "amqp://guest:guest@127.0.0.1:5672";

/** How many are measured, how many wait meanwhile, and how often that is done. */
interface Setting {
  size: number;
  count: number;
  depth: number;
  rounds: number;
}

/** The fullest setting with 10 KB needs 10 GB of disk for each broker: it is there on request, with BENCH_FULL=1. */
const SETTINGS: readonly Setting[] = [
  { size: 100, count: 50_000, depth: 1_000, rounds: 3 },
  { size: 10_240, count: 10_000, depth: 1_000, rounds: 3 },
  { size: 100, count: 50_000, depth: 1_000_000, rounds: 1 },
  { size: 10_240, count: 10_000, depth: Deno.env.get("BENCH_FULL") === "1" ? 1_000_000 : 100_000, rounds: 1 },
];

/** Messages that amqplib forwards, and its rounds. */
const FORWARDED = { count: 40_000, rounds: 3 };

interface Measured {
  publish: number;
  consume: number;
  p50: number;
  p99: number;
}

/**
 * The embedded broker in a process of its own against RabbitMQ on the same machine, with the same client: publish
 * with confirms and consume with an ack a message, and from publish to delivery at 500 messages a second. Persistent
 * messages in one queue, in which `depth` others wait.
 */
export async function broker(): Promise<string[]> {
  await using embedded = await EmbeddedBroker.start();
  const rabbitmq = await answers(RABBITMQ) ? RABBITMQ : undefined;
  const lines: string[] = [];
  for (const setting of SETTINGS) {
    const rounds: { own: Measured; other: Measured | undefined }[] = [];
    const { size, depth } = setting;
    for (let round = 0; round < setting.rounds; round++) {
      progress(`broker, ${size} bytes, ${depth} waiting, round ${round + 1} of ${setting.rounds}`);
      rounds.push({
        own: await measure(embedded.url, setting),
        other: rabbitmq ? await measure(rabbitmq, setting) : undefined,
      });
    }
    lines.push(
      `${size} bytes, ${depth} waiting`.padEnd(34) + "embedded".padStart(12) + "RabbitMQ".padStart(12) +
        "ratio".padStart(8),
    );
    lines.push(row("publish, messages/s", rounds, ({ publish }) => publish));
    lines.push(row("consume, messages/s", rounds, ({ consume }) => consume));
    lines.push(row("latency at the median, ms", rounds, ({ p50 }) => p50));
    lines.push(row("latency at the 99th percentile, ms", rounds, ({ p99 }) => p99));
  }
  lines.push(...await forwarding(embedded.url, rabbitmq));
  lines.push(
    `${"memory of the embedded broker, MB".padEnd(34)}${Math.round(embedded.memory).toString().padStart(12)}`,
  );
  if (!rabbitmq) lines.push(`no broker answers at ${new URL(RABBITMQ).host}: there is nothing to compare with`);
  return lines;
}

function row(name: string, rounds: { own: Measured; other?: Measured }[], of: (measured: Measured) => number): string {
  const shown = (value: number) => (value >= 100 ? String(Math.round(value)) : value.toFixed(2)).padStart(12);
  const own = median(rounds.map(({ own }) => of(own)));
  const others = rounds.flatMap(({ other }) => other ? [of(other)] : []);
  if (others.length === 0) return name.padEnd(34) + shown(own);
  const ratio = median(rounds.map(({ own, other }) => of(own) / of(other!)));
  return name.padEnd(34) + shown(own) + shown(median(others)) + ratio.toFixed(2).padStart(8);
}

/**
 * amqplib as it comes, with Nagle's algorithm on: a consumer that publishes a persistent message for each delivery, without
 * confirms, and acks.
 */
async function forwarding(own: string, other: string | undefined): Promise<string[]> {
  const rounds: { own: number; other?: number }[] = [];
  progress("broker, amqplib forwards");
  for (let round = 0; round < FORWARDED.rounds; round++) {
    rounds.push({
      own: await forwardUnconfirmed(own, FORWARDED.count),
      other: other ? await forwardUnconfirmed(other, FORWARDED.count) : undefined,
    });
  }
  const rate = (values: number[]) => String(Math.round(median(values))).padStart(12);
  const line = "amqplib forwards, messages/s".padEnd(34) + rate(rounds.map(({ own }) => own));
  if (!other) return [line];
  const ratio = median(rounds.map(({ own, other }) => own / other!));
  return [line + rate(rounds.map(({ other }) => other!)) + ratio.toFixed(2).padStart(8)];
}

async function measure(url: string, { size, count, depth }: Setting): Promise<Measured> {
  const [queue, quiet] = [`bench-${crypto.randomUUID().slice(0, 8)}`, `bench-${crypto.randomUUID().slice(0, 8)}`];
  await using _queues = new NamedQueues([queue, quiet], url);
  using client = await LoadClient.connect(url);
  await client.declare(queue);
  await client.declare(quiet);
  await load<number>(url, queue, "publish", depth, size);
  const publish = await load<number>(url, queue, "publish", count, size);
  const consume = await load<number>(url, queue, "consume", count, size);
  const { p50, p99 } = await load<{ p50: number; p99: number }>(url, quiet, "latency", 2_000, size);
  return { publish, consume, p50, p99 };
}

async function load<T>(url: string, queue: string, what: string, count: number, size: number): Promise<T> {
  const script = fileURLToPath(new URL("load/load.ts", import.meta.url));
  const args = ["run", "-A", script, url, queue, what, `${count}`, `${size}`];
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), { args }).output();
  if (!success) throw new Error(`the load failed: ${new TextDecoder().decode(stderr)}`);
  return JSON.parse(new TextDecoder().decode(stdout));
}
