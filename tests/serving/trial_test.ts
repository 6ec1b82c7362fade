import { assertEquals } from "@std/assert";
import type { Trial } from "../../lib/amqp/consuming/consumer.ts";
import type { FunctionConfig } from "../../lib/mod.ts";
import { eventually } from "../support/eventually.ts";
import { FAILED } from "./fake_sandbox.ts";
import { settled } from "./fake_timers.ts";
import { QUEUE, Served } from "./served.ts";

const ORDERED: FunctionConfig = {
  order: { by: "routingKey" },
  prefetch: 10,
  concurrency: 10,
  timeout: "1s",
  retry: ["1s"],
};

/** A trial that says what it is told, and is known to whoever comes next when `written` says so. */
function trialOf(name: string, deaths: number, said: string[], written: Promise<void> = Promise.resolve()): Trial {
  return {
    deaths,
    begin: () => (said.push(`${name} begins`), written),
    end: () => void said.push(`${name} ends`),
  };
}

async function start(trials: Record<string, [deaths: number, written?: Promise<void>]>) {
  const one = await Served.start(ORDERED);
  const said: string[] = [];
  for (const [name, [deaths, written]] of Object.entries(trials)) {
    one.broker.trials.set(name, trialOf(name, deaths, said, written));
  }
  return { one, said };
}

Deno.test("a message on trial runs once its name is written down, and others run meanwhile", async () => {
  const written = Promise.withResolvers<void>();
  const { one, said } = await start({ tried: [0, written.promise] });
  await one.publish("tried", "other");
  assertEquals([one.ran, said], [["v1: other"], ["tried begins"]]);
  written.resolve();
  await settled();
  one.run("tried").end();
  await settled();
  assertEquals([one.ran, said], [["v1: other", "v1: tried"], ["tried begins", "tried ends"]]);
  one.run("other").end();
  await one.close();
});

Deno.test("messages that no runner ended with run side by side, and those that one ended with one after the other", async () => {
  const { one } = await start({ a: [0], b: [0], c: [1], d: [2] });
  await one.publish("a", "b", "c", "d");
  await eventually(() => one.runs.length === 3);
  assertEquals(one.ran.length, 3, `${one.ran}`);
  const first = one.ran.includes("v1: c") ? "c" : "d";
  one.run(first).end();
  await eventually(() => one.runs.length === 4);
  for (const body of ["a", "b", first === "c" ? "d" : "c"]) one.run(body).end();
  await settled();
  assertEquals([one.served.counts.completed, one.served.running], [4, 0]);
  await one.close();
});

Deno.test("a message that three runners ended with is a dead letter, and does not run", async () => {
  const { one, said } = await start({ guilty: [3] });
  await one.publish("guilty", "next");
  await one.timers.pass(0);
  assertEquals([one.ran, one.broker.bodies(`${QUEUE}.dead`), said], [["v1: next"], ["guilty"], []]);
  one.run("next").end();
  await one.close();
});

Deno.test("while it waits for a retry it is on no trial, and keeps no other suspect waiting", async () => {
  const { one, said } = await start({ a: [1], b: [1] });
  await one.publish("a", "b");
  await eventually(() => one.runs.length === 1);
  const [first, other] = one.ran[0] === "v1: a" ? ["a", "b"] : ["b", "a"];
  one.run(first).end(FAILED);
  await eventually(() => one.runs.length === 2);
  assertEquals(said, [`${first} begins`, `${first} ends`, `${other} begins`]);
  one.run(other).end();
  await one.close();
});

Deno.test("a message whose delivery is gone before its name is written down does not run", async () => {
  const written = Promise.withResolvers<void>();
  const { one } = await start({ tried: [0, written.promise] });
  await one.publish("tried");
  one.broker.trials.delete("tried");
  one.broker.consumerOf(QUEUE)!.lose("the channel was closed");
  written.resolve();
  await eventually(() => one.runs.length === 1);
  one.run("tried").end();
  await settled();
  assertEquals([one.ran, one.served.running, one.served.counts.completed], [["v1: tried"], 0, 1]);
  await one.close();
});
