import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import type { Client } from "../../../lib/amqp/client/client.ts";
import { declareBeside } from "../../../lib/amqp/topology/declare_beside.ts";
import { Backoff } from "../../../lib/base/time/backoff.ts";
import { WarrenError } from "../../../lib/base/errors.ts";
import { resolveFunctionConfig } from "../../../lib/invocation/definition/function_config.ts";
import { Logger } from "../../../lib/base/log.ts";
import { eventually } from "../../support/eventually.ts";

const definition = resolveFunctionConfig({}, { name: "pay", file: "/pay.ts", version: "1" });
const client = {} as Client;
const never = () => new Promise<void>(() => {});

/** Declares beside a topology whose rest does what `rests` say, one after the other. */
function fake(rests: (() => Promise<void>)[], declareQueue: () => Promise<void> = () => Promise.resolve()) {
  const lines: string[] = [];
  const log = new Logger({ level: "info", write: (line) => lines.push(JSON.parse(line).message) });
  const over = new AbortController();
  let asked = 0;
  const topology = { declareQueue, declareRest: () => rests[Math.min(asked++, rests.length - 1)]() };
  const backoff = new Backoff({ initial: 1, max: 1 });
  const options = { topology, definition, log, signal: over.signal, patience: 5, backoff };
  return { lines, over, asked: () => asked, declare: () => declareBeside(client, options) };
}

Deno.test("a consumer does not wait for what it does not need, which is declared again until it is there", async () => {
  const down = () => Promise.reject(new WarrenError("unavailable", "the node is down"));
  const { declare, lines, asked } = fake([down, down, () => Promise.resolve()]);
  await declare();
  await eventually(() => lines.length === 2);
  assertStringIncludes(lines[0], "the node is down");
  assertEquals([asked(), lines[1]], [3, "everything that was missing on the broker is declared now"]);
});

Deno.test("a declare that does not answer holds back no consumer", async () => {
  const { declare, over, asked, lines } = fake([never]);
  await declare();
  assertEquals([asked(), lines], [1, []]);
  over.abort();
});

Deno.test("what the broker refuses is the consumer's error, as what its own queue has is", async () => {
  const refused = () => Promise.reject(new WarrenError("refused", "no right to declare"));
  await assertRejects(() => fake([refused]).declare(), WarrenError, "no right to declare");
  await assertRejects(() => fake([never], refused).declare(), WarrenError, "no right to declare");
});

Deno.test("a consumer that is cancelled waits neither for its queue nor for the rest", async () => {
  for (const { declare, over } of [fake([never], never), fake([never])]) {
    const declaring = declare();
    over.abort();
    await assertRejects(() => declaring, WarrenError, "cancelled");
  }
});

Deno.test("nothing is declared any more once the consumer is gone", async () => {
  const down = () => Promise.reject(new WarrenError("unavailable", "the node is down"));
  const { declare, over, asked } = fake([down]);
  await declare();
  await eventually(() => asked() > 2);
  over.abort();
  const before = asked();
  await new Promise((resolve) => setImmediate(resolve));
  assertEquals(asked(), before);
});
