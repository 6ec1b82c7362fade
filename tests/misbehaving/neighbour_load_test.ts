import { assert } from "@std/assert";
import { folder } from "../loader/folder.ts";
import { eventually } from "../support/eventually.ts";
import { BrokerPlace } from "../support/hosted_broker.ts";
import { seen, startServing } from "../support/serving.ts";
import { answering, Load } from "./load.ts";

/** Milliseconds of each measurement. */
const DURATION = 4_000;
/** Of the rate before: the misbehaving process takes one of two cores or more, and the machine is nobody's own. */
const LEAST_RATE = 0.2;
/** Those that flood the broker are served as many messages at a time as they ask for, and the neighbour asks for eight. */
const LEAST_RATE_OF_SERVED = 0.03;
const MOST_MEDIAN = (before: number) => 3 * before + 20;

/** The worst, each with what its message does. */
const WORST: Record<string, string> = {
  "loops for ever": "for (;;);",
  "takes all the memory":
    "const all = []; for (;;) { all.push(new Uint8Array(1 << 22).fill(1)); await new Promise(setImmediate); }",
  "floods its output": "for (;;) { console.log('x'.repeat(100)); await null; }",
  "floods its output without a line end":
    "const bytes = new Uint8Array(65_536).fill(120); for (;;) Deno.stdout.writeSync(bytes);",
  "floods its log":
    "for (;;) { for (let i = 0; i < 100; i++) context.log.info('x'.repeat(100)); await new Promise(setImmediate); }",
  "floods the broker":
    "for (;;) await Promise.all(Array.from({ length: 100 }, () => context.publish('x', { routingKey: 'sink' })));",
  "floods the broker with what it may not publish":
    "for (;;) await Promise.allSettled(Array.from({ length: 100 }, () => context.publish('x', { routingKey: 'forbidden' })));",
  "floods the broker and waits for nothing":
    "for (;;) { context.publish('x', { routingKey: 'sink' }).catch(() => {}); await null; }",
  "crashes": "Deno.exit(1);",
  "opens ten thousand timers": "for (let i = 0; i < 10_000; i++) setInterval(() => {}, 1);",
  "fails with ten megabytes": "throw new Error('x'.repeat(10_000_000));",
  "rejects what nobody handles":
    "for (;;) { for (let i = 0; i < 100; i++) Promise.reject(new Error('x')); await new Promise(setImmediate); }",
};

function misbehaving(handler: string): string {
  return `
    export const config = {
      concurrency: 2, timeout: "500ms", memory: "256MB", retry: { attempts: 1 }, publish: ["sink"],
    };
    export default async (message, context) => { ${handler} };`;
}

Deno.test("a neighbour of a function that misbehaves goes on with its work", async (t) => {
  for (const [what, handler] of Object.entries(WORST)) {
    await t.step(`that ${what}`, async () => {
      await using place = await BrokerPlace.make();
      await using functions = await folder({
        "neighbour.ts": answering("answers"),
        "worst.ts": misbehaving(handler),
        "sink.ts": "export const config = { queue: { name: 'sink', arguments: { 'x-max-length': 1000 } } };\n" +
          "export default () => {};",
      });
      await using runner = await startServing({ functionsDir: functions.path, env: place.env });
      await using load = await Load.make(place.url, "answers");
      await load.measure("neighbour", 1_000);
      const before = await load.measure("neighbour", DURATION);

      using _feed = load.feed("worst", "x", 50);
      await eventually(async () => {
        const { counts, running } = (await seen(runner)).worst;
        return running > 0 || Object.values(counts).some((count) => count > 0);
      });
      const during = await load.measure("neighbour", DURATION);

      const rate = during.rate / before.rate;
      const shown = `rate ${before.rate.toFixed()} -> ${during.rate.toFixed()} (${rate.toFixed(2)}), ` +
        `median ${before.median.toFixed(1)} -> ${during.median.toFixed(1)} ms`;
      console.log(`${what}: ${shown}`);
      const least = what.startsWith("floods the broker") ? LEAST_RATE_OF_SERVED : LEAST_RATE;
      assert(rate >= least && during.median <= MOST_MEDIAN(before.median), shown);
      const { counts } = (await seen(runner)).neighbour;
      assert(counts.failed + counts.crashed + counts.timedOut === 0, JSON.stringify(counts));
    });
  }
});
