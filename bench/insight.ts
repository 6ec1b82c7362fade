import { eventually } from "../tests/support/eventually.ts";
import { cpuOf } from "./cpu.ts";
import { EmbeddedBroker } from "./embedded_broker.ts";
import { BenchQueue, Folder, functionsFolder, median, startMeasured } from "./support.ts";

const ROUNDS = 5;
const SHORT = 10_000;
const LONG = 60_000;
const BODY = new TextEncoder().encode(JSON.stringify({ text: "x".repeat(80), n: 1 }));

/** What a runner is made to record and to show, and whether somebody scrapes it. */
interface Variant {
  readonly name: string;
  readonly env: Record<string, string>;
  readonly scraped: boolean;
}

/** Microseconds of a processor for each further message, and messages a second. */
interface Cost {
  readonly runner: number;
  readonly process: number;
  readonly rate: number;
}

/**
 * What it costs to see what a runner does: messages a second with run records, metrics and sampled log lines, and a scrape
 * a second, against none of these; and with metrics by OTLP besides. All in the same rounds, on the embedded broker.
 */
export async function insight(): Promise<string[]> {
  await using broker = await EmbeddedBroker.start();
  await using collector = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, async (request) => {
    await request.bytes();
    return Response.json({});
  });
  const variants = variantsOf(collector.addr.port);
  const costs = variants.map(() => [] as Cost[]);
  for (let round = 0; round < ROUNDS; round++) {
    // Back and forth, so that a machine that becomes slower or faster does not prefer one of them.
    const order = round % 2 === 0 ? variants.keys() : [...variants.keys()].reverse();
    for (const index of order) costs[index].push(await measured(variants[index], broker));
  }
  const of = (index: number, field: keyof Cost) => median(costs[index].map((each) => each[field]));
  const against = (index: number, share: (one: Cost, nothing: Cost) => number) =>
    median(costs[index].map((one, round) => share(one, costs[0][round])));
  const head = ["runner µs", "process µs", "CPU ×", "per s", "per s ×"].map((text) => text.padStart(12)).join("");
  const cell = (value: number, digits: number) => value.toFixed(digits).padStart(12);
  return [
    `${"CPU for each further message".padEnd(40)}${head}`,
    ...variants.map(({ name }, index) => {
      const cpu = against(index, (one, nothing) => (nothing.runner + nothing.process) / (one.runner + one.process));
      const rate = against(index, (one, nothing) => one.rate / nothing.rate);
      const cells = [cell(of(index, "runner"), 1), cell(of(index, "process"), 1), cell(cpu, 2)];
      return [name.padEnd(40), ...cells, cell(of(index, "rate"), 0), cell(rate, 2)].join("");
    }),
  ];
}

function variantsOf(port: number): Variant[] {
  const on = { LOG_COMPLETED: "sample" };
  return [
    { name: "nothing", env: { RUNS_KEEP: "0", METRICS_FUNCTIONS: "0" }, scraped: false },
    { name: "metrics, scraped", env: { RUNS_KEEP: "0" }, scraped: true },
    { name: "run records, metrics and log, scraped", env: on, scraped: true },
    {
      name: "all of that, and metrics by OTLP",
      env: {
        ...on,
        OTEL_DENO: "true",
        OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
        OTEL_TRACES_EXPORTER: "none",
        OTEL_METRIC_EXPORT_INTERVAL: "1000",
      },
      scraped: true,
    },
  ];
}

async function measured(variant: Variant, broker: EmbeddedBroker): Promise<Cost> {
  const short = await run(variant, SHORT, broker);
  const long = await run(variant, LONG, broker);
  const each = (field: keyof Run) => (long[field] - short[field]) / (LONG - SHORT);
  return { runner: each("own") * 1000, process: each("started") * 1000, rate: 1000 / each("time") };
}

/** Milliseconds of a processor and of the clock, from the start of the runner to its last message. */
interface Run {
  readonly own: number;
  readonly started: number;
  readonly time: number;
}

async function run({ env, scraped }: Variant, messages: number, broker: EmbeddedBroker): Promise<Run> {
  await using queue = new BenchQueue(broker.url);
  await queue.fill(messages, BODY, () => ({ contentType: "application/json", timestamp: new Date() }));
  const text = "export const config = { concurrency: 200, prefetch: 200 };\nexport default () => {};\n";
  await using folder = new Folder(await functionsFolder([queue.name], text));
  const begun = performance.now();
  const [runner] = await startMeasured(folder.path, 1, broker.url, env);
  await using _ = runner;
  const scrape = async () => void await (await fetch(`${runner.url}/metrics`)).bytes();
  const timer = scraped ? setInterval(scrape, 1_000) : undefined;
  try {
    await eventually(async () => {
      const { functions } = await (await fetch(`${runner.url}/functions`)).json();
      return functions[0].counts.completed >= messages;
    }, { interval: 50, timeout: 120_000, what: `${messages} messages` });
    return { ...cpuOf(runner.pid), time: performance.now() - begun };
  } finally {
    clearInterval(timer);
  }
}
