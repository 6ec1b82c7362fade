import { answers } from "../tests/support/broker_probe.ts";
import { cpuOf } from "./cpu.ts";
import { EmbeddedBroker } from "./embedded_broker.ts";
import { progress } from "./held.ts";
import { HttpClient, requestBytes } from "./load/http_client.ts";
import { AMQP_URL, BenchQueue, Folder, functionsFolder, median, startMeasured } from "./support.ts";

const ROUNDS = 3;
const REQUESTS = 2_000;
/** The first ones find everything cold. */
const WARM_UP = 500;
const ISOLATIONS = ["process", "inline"] as const;
type Isolation = typeof ISOLATIONS[number];

/** Milliseconds from a request to its answer, and microseconds of a processor for each. */
interface Latency {
  /** One in ten is faster: on a machine with other work it says what an idle one would show. */
  readonly p10: number;
  readonly median: number;
  readonly p95: number;
  readonly p99: number;
  readonly runner: number;
  readonly process: number;
}

/**
 * From an HTTP request with `Prefer: wait` over the broker to the handler and back, one at a time: what a caller waits
 * who asks a function for its answer.
 */
export async function latency(): Promise<string[]> {
  await using embedded = await EmbeddedBroker.start();
  const brokers = [["embedded", embedded.url], ...await answers(AMQP_URL) ? [["RabbitMQ", AMQP_URL]] : []];
  const cases = brokers.flatMap(([broker, url]) => {
    return ISOLATIONS.map((isolation) => ({
      name: `${broker}, ${isolation}`,
      url,
      isolation,
      rounds: [] as Latency[],
    }));
  });
  for (let round = 1; round <= ROUNDS; round++) {
    for (const { name, url, isolation, rounds } of cases) {
      rounds.push(await measured(url, isolation));
      progress(`latency, round ${round}: ${name}: ${rounds[round - 1].median.toFixed(2)} ms`);
    }
  }
  return [
    line("HTTP to handler to HTTP, ms", ["10 %", "median", "95 %", "99 %", "runner µs", "process µs"]),
    ...cases.map(row),
  ];
}

function row({ name, rounds }: { name: string; rounds: readonly Latency[] }): string {
  const of = (field: keyof Latency, digits = 2) => median(rounds.map((each) => each[field])).toFixed(digits);
  return line(name, [of("p10"), of("median"), of("p95"), of("p99"), of("runner", 0), of("process", 0)]);
}

function line(name: string, cells: readonly string[]): string {
  return name.padEnd(30) + cells.map((cell) => cell.padStart(11)).join("");
}

async function measured(url: string, isolation: Isolation): Promise<Latency> {
  await using queue = new BenchQueue(url);
  const text = `export const config = { isolation: "${isolation}" };\nexport default ({ body }) => body;\n`;
  await using folder = new Folder(await functionsFolder([queue.name], text));
  const [runner] = await startMeasured(folder.path, 1, url);
  await using _ = runner;
  using client = await HttpClient.connect(runner.url);
  const headers = { "content-type": "application/json", prefer: "wait=10" };
  const request = requestBytes(new URL(`${runner.url}/functions/${queue.name}`), headers, `{"order":42}`);
  const send = async () => {
    const { status, ms } = await client.send(request);
    if (status !== 200) throw new Error(`the function answered ${status}`);
    return ms;
  };
  for (let sent = 0; sent < WARM_UP; sent++) await send();
  const before = cpuOf(runner.pid);
  const took: number[] = [];
  for (let sent = 0; sent < REQUESTS; sent++) took.push(await send());
  const after = cpuOf(runner.pid);
  const sorted = took.sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.floor(sorted.length * share)];
  const each = (of: "own" | "started") => (after[of] - before[of]) * 1000 / REQUESTS;
  return {
    p10: at(0.1),
    median: at(0.5),
    p95: at(0.95),
    p99: at(0.99),
    runner: each("own"),
    process: each("started"),
  };
}
