import { fileURLToPath } from "node:url";
import { eventually } from "../tests/support/eventually.ts";
import { WARM_UP } from "./rivals/meter.ts";
import { AMQP_URL, BenchQueue, functionsFolder, median, startMeasured } from "./support.ts";

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
    ["Warren", warren],
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

async function warren(): Promise<number> {
  await using queue = new BenchQueue();
  await queue.fill(MESSAGES, BODY);
  const folder = await functionsFolder([queue.name], TRIVIAL);
  const [runner] = await startMeasured(folder, 1);
  await using _ = runner;
  const completed = async () =>
    (await (await fetch(`${runner.url}/functions/${queue.name}`)).json()).counts.completed as number;
  const [from, first] = await eventually(async () => {
    const count = await completed();
    return count >= WARM_UP ? [performance.now(), count] as const : undefined;
  }, { interval: 5 });
  await eventually(async () => await completed() === MESSAGES, { interval: 5, timeout: 60_000 });
  return (MESSAGES - first) / (performance.now() - from) * 1000;
}

async function rival(name: string): Promise<number> {
  await using queue = new BenchQueue();
  await queue.fill(MESSAGES, BODY);
  const script = fileURLToPath(new URL(`rivals/${name}.ts`, import.meta.url));
  const command = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", script, AMQP_URL, queue.name, `${MESSAGES}`],
  });
  return Number(new TextDecoder().decode((await command.output()).stdout));
}
