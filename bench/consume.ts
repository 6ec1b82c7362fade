import { EmbeddedBroker } from "./embedded_broker.ts";
import { AMQP_URL, BenchQueue, completionRate, median, rivalRate } from "./support.ts";

const MESSAGES = 40_000;
const OUTPUTS = 20_000;
const ROUNDS = 3;
const BODY = new Uint8Array(100).fill(120);
const CONFIG = "export const config = { concurrency: 200, prefetch: 200 };\n";
const TRIVIAL = `${CONFIG}export default () => {};\n`;
const forward = (queue: string) =>
  `${CONFIG}export default ({ raw }, context) => context.publish(raw, { routingKey: "${queue}.out" });\n`;

/** Who is compared, and how to get his messages a second. The first is Warren. */
type Contender = [name: string, run: () => Promise<number>];

/**
 * Warren with a function in its own process, against consumers written by hand with an ack a message; then the same with
 * one confirmed output a message. Persistent messages of 100 bytes, prefetch 200, in paired rounds: rates differ from one
 * to the next, ratios less.
 */
export async function consume(): Promise<string[]> {
  await using embedded = await EmbeddedBroker.start();
  const lines: string[] = [];
  for (const [broker, url] of [["AMQP_URL", AMQP_URL], ["embedded", embedded.url]]) {
    lines.push(`${broker}: consuming`, ...await compared(consuming(url)));
    lines.push(`${broker}: with one confirmed output`, ...await compared(forwarding(url)));
  }
  return lines;
}

function consuming(url: string): Contender[] {
  return [
    ["Warren", () => completionRate(TRIVIAL, { messages: MESSAGES, body: BODY, url })],
    ["amqplib by hand", () => rival("amqplib", MESSAGES, url)],
    ["@cloudamqp/amqp-client by hand", () => rival("amqp_client", MESSAGES, url)],
  ];
}

function forwarding(url: string): Contender[] {
  return [
    ["Warren", () => completionRate(forward, { messages: OUTPUTS, body: BODY, url, beside: [".out"] })],
    ["amqplib by hand", () => rival("amqplib_confirmed", OUTPUTS, url, ".out")],
  ];
}

async function compared(contenders: readonly Contender[]): Promise<string[]> {
  const rates = contenders.map(() => [] as number[]);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [index, [, run]] of contenders.entries()) rates[index].push(await run());
  }
  const [own, ...others] = rates;
  const fastest = own.map((_, round) => Math.max(...others.map((rate) => rate[round])));
  const ratio = median(own.map((rate, round) => rate / fastest[round]));
  return [
    ...contenders.map(([name], index) => `  ${name.padEnd(32)} ${Math.round(median(rates[index]))} messages/s`),
    `  ${"Warren / the fastest other".padEnd(32)} ${ratio.toFixed(2)}`,
  ];
}

/** @param beside What follows the name of its queue in that of the queue that it publishes to */
async function rival(name: string, messages: number, url: string, beside?: string): Promise<number> {
  const others = beside === undefined ? [] : [beside];
  await using queue = new BenchQueue(url, others);
  await queue.fill(messages, BODY);
  return await rivalRate(name, [url, queue.name, ...others.map((suffix) => queue.name + suffix), `${messages}`]);
}
