import { AMQP_URL, BenchQueue, completionRate, median, rivalRate } from "./support.ts";

const MESSAGES = 40_000;
const ROUNDS = 3;
const BODY = new Uint8Array(100).fill(120);
const TRIVIAL = "export const config = { concurrency: 200 };\nexport default () => {};\n";

/**
 * Warren with a trivial function in its own process, against consumers written by
 * hand with an ack a message. Persistent messages of 100 bytes, prefetch 200, in
 * paired rounds: rates differ from one to the next, ratios less.
 */
export async function consume(): Promise<string[]> {
  const contenders: [string, () => Promise<number>][] = [
    ["Warren", () => completionRate(TRIVIAL, { messages: MESSAGES, body: BODY })],
    ["amqplib by hand", () => rival("amqplib")],
    ["@cloudamqp/amqp-client by hand", () => rival("amqp_client")],
  ];
  const rates = contenders.map(() => [] as number[]);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [index, [, run]] of contenders.entries()) rates[index].push(await run());
  }
  const [own, ...others] = rates;
  const fastest = own.map((_, round) => Math.max(...others.map((rate) => rate[round])));
  const ratio = median(own.map((rate, round) => rate / fastest[round]));
  return [
    ...contenders.map(([name], index) => `${name.padEnd(34)} ${Math.round(median(rates[index]))} messages/s`),
    `${"Warren / the faster of the two".padEnd(34)} ${ratio.toFixed(2)}`,
  ];
}

async function rival(name: string): Promise<number> {
  await using queue = new BenchQueue();
  await queue.fill(MESSAGES, BODY);
  return await rivalRate(name, [AMQP_URL, queue.name, `${MESSAGES}`]);
}
