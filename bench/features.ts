import type { AMQPProperties } from "@cloudamqp/amqp-client";
import { answers } from "../tests/support/broker_probe.ts";
import type { OutcomeCounts } from "../lib/invocation/outcome.ts";
import { EmbeddedBroker } from "./embedded_broker.ts";
import { AMQP_URL, completionRate, median } from "./support.ts";

const MESSAGES = 15_000;
const ROUNDS = 3;
const BODY = new TextEncoder().encode(JSON.stringify({ order: 42, note: "x".repeat(80) }));

/** A feature: its function, and what else its messages need. What it does not say is as in the bare case. */
interface Case {
  name: string;
  /** @default 200 */
  concurrency?: number;
  /** In the configuration, beside the concurrency. */
  config?: (queue: string) => string;
  /** The rest of the module. @default a handler that does nothing */
  module?: (queue: string) => string;
  properties?: (queue: string) => AMQPProperties;
  /** Queues that have to be there, as what follows the name of the function's own. */
  beside?: string[];
  /** @default how many have completed */
  progress?: (counts: OutcomeCounts) => number;
}

const NOTHING = "export default () => {};";
const EVENT = { specversion: "1.0", id: "1", source: "/bench", type: "bench.measured" };
const attributes = Object.entries(EVENT).map(([name, value]) => [`cloudEvents:${name}`, value]);

/** The first is what the others are compared with. */
const CASES: Case[] = [
  { name: "bare" },
  {
    name: "output",
    config: (queue) => `output: "${queue}.out"`,
    module: () => "export default () => ({ done: true });",
    beside: [".out"],
  },
  {
    name: "context.publish",
    module: (queue) =>
      `export default (_, context) => context.publish({ done: true }, { routingKey: "${queue}.out" });`,
    beside: [".out"],
  },
  // As many messages at once as in the other cases.
  { name: "batch of 100", concurrency: 2, config: () => `batch: { size: 100, wait: "20ms" }` },
  {
    name: "input schema",
    module: () =>
      `const validate = (value) => typeof value?.order === "number" ? { value } : { issues: [{ message: "no order" }] };
      export const input = { "~standard": { version: 1, vendor: "bench", validate } };
      ${NOTHING}`,
  },
  {
    name: "answer to replyTo",
    module: () => "export default () => ({ done: true });",
    properties: (queue) => ({ replyTo: `${queue}.answers` }),
    beside: [".answers"],
  },
  { name: "rateLimit, never reached", config: () => `rateLimit: { limit: 1000000, per: "1s" }` },
  { name: "killSwitch, never tripped", config: () => "killSwitch: { errorRate: 1 }" },
  {
    name: "envelope, binary",
    config: () => `envelope: "cloudevents"`,
    properties: () => ({ headers: Object.fromEntries(attributes) }),
  },
  {
    name: "order, 1000 keys",
    // A short time limit, so that each partition takes as many ahead as the others do.
    config: () => `order: { by: { header: "key" } }, timeout: "5s"`,
    properties: () => ({ headers: { key: Math.floor(Math.random() * 1000) } }),
    beside: Array.from({ length: 8 }, (_, at) => `.p${at}`),
  },
  { name: "context.once", module: () => "export default (_, context) => context.once(() => true);" },
  {
    name: "rejected, to the dead letters",
    module: () => `import { Reject } from "warren"; export default () => { throw new Reject("no"); };`,
    progress: ({ rejected }) => rejected,
  },
  {
    name: "failed once, and retried",
    config: () => `retry: { attempts: 2, delay: "100ms" }`,
    module: () => `export default ({ attempt }) => { if (attempt === 1) throw new Error("not yet"); };`,
    // Each message runs twice: the first halves are done before the second ones begin.
    progress: ({ failed, completed }) => (failed + completed) / 2,
  },
];

/**
 * What each feature costs: messages a second through a function that uses it, and their ratio to those of a bare one
 * in the same round. On the embedded broker, and on RabbitMQ where there is one.
 */
export async function features(): Promise<string[]> {
  await using embedded = await EmbeddedBroker.start();
  const brokers = [embedded.url, ...await answers(AMQP_URL) ? [AMQP_URL] : []];
  const rates = CASES.map(() => brokers.map(() => [] as number[]));
  for (let round = 0; round < ROUNDS; round++) {
    for (const [at, each] of CASES.entries()) {
      for (const [broker, url] of brokers.entries()) rates[at][broker].push(await rate(each, url));
    }
  }
  const [bare] = rates;
  return [
    row(
      "messages/s, and ratio to bare",
      ["embedded", "RabbitMQ"].slice(0, brokers.length).flatMap((name) => [name, ""]),
    ),
    ...CASES.map(({ name }, at) => row(name, rates[at].flatMap((own, broker) => compared(own, bare[broker])))),
  ];
}

function row(name: string, cells: string[]): string {
  return (name.padEnd(32) + cells.map((cell, index) => cell.padStart(index % 2 === 0 ? 10 : 7)).join("")).trimEnd();
}

function compared(own: readonly number[], bare: readonly number[]): [rate: string, ratio: string] {
  return [`${Math.round(median(own))}`, median(own.map((rate, round) => rate / bare[round])).toFixed(2)];
}

function rate(each: Case, url: string): Promise<number> {
  const { concurrency = 200, config, module = () => NOTHING, properties, beside, progress } = each;
  const common = { contentType: "application/json" };
  return completionRate(
    (queue) => `export const config = { concurrency: ${concurrency}, ${config?.(queue) ?? ""} };\n${module(queue)}\n`,
    {
      messages: MESSAGES,
      body: BODY,
      url,
      beside,
      progress,
      properties: (queue) => ({ ...common, messageId: crypto.randomUUID(), ...properties?.(queue) }),
    },
  );
}
