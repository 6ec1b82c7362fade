import { answers } from "../tests/support/broker_probe.ts";
import { redisFound, RedisServer } from "../tests/support/redis.ts";
import { EmbeddedBroker } from "./embedded_broker.ts";
import { AMQP_URL, completionRate, median, rivalRate } from "./support.ts";

const MESSAGES = 20_000;
const ROUNDS = 3;
const BODY = JSON.stringify({ order: 42, note: "x".repeat(80) });

/** How often each message runs: with two, it fails once and is retried after 100 ms. */
const KINDS = [1, 2] as const;
type Kind = typeof KINDS[number];
type Contender = [name: string, run: (runs: Kind) => Promise<number>];

/**
 * Warren against BullMQ, which does less: its handlers run in the worker's own process, and Redis has what it takes on
 * the disk within a second, where Warren's brokers have it before they confirm. Jobs of about 100 bytes, 200 at once, in
 * paired rounds.
 */
export async function frameworks(): Promise<string[]> {
  await using embedded = await EmbeddedBroker.start();
  const own: Contender[] = [["Warren, embedded broker", (runs) => warren(embedded.url, runs)]];
  if (await answers(AMQP_URL)) own.push(["Warren, RabbitMQ", (runs) => warren(AMQP_URL, runs)]);
  const rivals: Contender[] = redisFound ? [["BullMQ, Redis", bullmq]] : [];
  const contenders = [...own, ...rivals];
  const rates = contenders.map(() => KINDS.map(() => [] as number[]));
  for (let round = 0; round < ROUNDS; round++) {
    for (const [index, [, run]] of contenders.entries()) {
      for (const [kind, runs] of KINDS.entries()) rates[index][kind].push(await run(runs));
    }
  }
  const rows = [
    row("messages/s", ["done", "retried once"]),
    ...contenders.map(([name], index) => row(name, rates[index].map((each) => `${Math.round(median(each))}`))),
  ];
  if (!redisFound) return [...rows, "BullMQ is not measured: there is no redis-server"];
  const rival = rates[own.length];
  const ratio = (each: number[], kind: number) => median(each.map((rate, round) => rate / rival[kind][round]));
  return [
    ...rows,
    ...own.map(([name], index) =>
      row(`${name} / BullMQ`, rates[index].map((each, kind) => ratio(each, kind).toFixed(2)))
    ),
  ];
}

function warren(url: string, runs: Kind): Promise<number> {
  const retry = `retry: { attempts: ${runs}, delay: "100ms" }`;
  const handler = runs === 1
    ? "export default () => {};"
    : `export default ({ attempt }) => { if (attempt < ${runs}) throw new Error("not yet"); };`;
  return completionRate(`export const config = { concurrency: 200, ${retry} };\n${handler}\n`, {
    messages: MESSAGES,
    body: new TextEncoder().encode(BODY),
    url,
    properties: () => ({ contentType: "application/json", messageId: crypto.randomUUID() }),
    progress: ({ failed, completed }) => (failed + completed) / runs,
  });
}

async function bullmq(runs: Kind): Promise<number> {
  await using redis = await RedisServer.launch("everysec");
  return await rivalRate("bullmq", [redis.url, `${MESSAGES}`, BODY, `${runs}`]);
}

function row(name: string, cells: string[]): string {
  return (name.padEnd(36) + cells.map((cell) => cell.padStart(14)).join("")).trimEnd();
}
