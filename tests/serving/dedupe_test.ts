import { assertEquals } from "@std/assert";
import type { OnceStore } from "../../lib/invocation/once_store.ts";
import type { Outcome } from "../../lib/invocation/outcome.ts";
import { MemoryStore } from "../../lib/once/memory_store.ts";
import { COMPLETED, FAILED } from "./fake_sandbox.ts";
import { settled } from "./fake_timers.ts";
import { QUEUE, Served } from "./served.ts";

const CONFIG = { dedupe: "5m", retry: { attempts: 1 } } as const;

async function start(store: OnceStore, config: object = CONFIG) {
  const one = new Served(config, {}, true, store);
  one.served.start();
  await settled();
  const publish = async (body: string, messageId?: string) => {
    one.broker.publish(QUEUE, [body], { messageId });
    await settled();
  };
  return { one, publish };
}

Deno.test("a message whose id was handled is acked, and its handler does not run", async () => {
  const { one, publish } = await start(new MemoryStore());
  await publish("first", "m");
  one.run("first").end(COMPLETED);
  await settled();
  await publish("second", "m");
  await publish("other", "n");
  assertEquals([one.ran, one.served.duplicates], [["v1: first", "v1: other"], 1]);
  one.run("other").end(COMPLETED);
  await settled();
  assertEquals(one.ended.map(({ next }) => next), [{ kind: "ack" }, { kind: "ack", duplicate: true }, { kind: "ack" }]);
  assertEquals([one.served.counts.completed, one.served.running], [2, 0]);
  await one.close();
});

Deno.test("a message that failed was not handled: its id is free again", async () => {
  const store = new MemoryStore();
  const { one, publish } = await start(store);
  await publish("first", "m");
  assertEquals(store.keys, ["dedupe:order/m"]);
  one.run("first").end(FAILED);
  await settled();
  await one.timers.pass(0);
  assertEquals(store.keys, []);
  await publish("second", "m");
  assertEquals([one.ran, one.served.duplicates], [["v1: first", "v1: second"], 0]);
  await one.close();
});

Deno.test("a message whose twin runs waits for its end", async () => {
  const cases: [Outcome, string[]][] = [[COMPLETED, ["v1: first"]], [FAILED, ["v1: first", "v1: second"]]];
  for (const [end, ran] of cases) {
    const { one, publish } = await start(new MemoryStore(), { ...CONFIG, retry: { attempts: 1 } });
    await publish("first", "m");
    await publish("second", "m");
    await one.timers.pass(3_000);
    assertEquals(one.ran, ["v1: first"]);
    one.run("first").end(end);
    await settled();
    await one.timers.pass(2_000);
    assertEquals(one.ran, ran);
    await one.close();
  }
});

Deno.test("messages without an id run, and so do all where the store is down; that is said once", async () => {
  const down = () => Promise.reject(new Error("no route"));
  const { one, publish } = await start({ claim: down, done: down, release: down, close: () => Promise.resolve() });
  for (const id of [undefined, "m", "m"]) await publish("x", id);
  assertEquals([one.ran.length, one.said("dedupe cannot use the store of once()")], [3, 1]);
  for (const run of one.runs) run.end(COMPLETED);
  await settled();
  await one.close();
});

Deno.test("without dedupe the store is not asked", async () => {
  const store = new MemoryStore();
  const { one, publish } = await start(store, {});
  await publish("x", "m");
  await publish("y", "m");
  assertEquals([one.ran, store.keys, one.served.duplicates], [["v1: x", "v1: y"], [], undefined]);
  await one.close();
});

Deno.test("in a batch only the duplicates are left out", async () => {
  const { one, publish } = await start(new MemoryStore(), { ...CONFIG, batch: { size: 2, wait: "1s" } });
  await publish("a", "m");
  await publish("b", "n");
  one.runs[0].end(COMPLETED);
  await settled();
  await publish("c", "m");
  await publish("d", "o");
  assertEquals([one.runs.at(-1)!.bodies, one.served.duplicates], [["d"], 1]);
  one.runs.at(-1)!.end(COMPLETED);
  await settled();
  assertEquals(one.served.running, 0);
  await one.close();
});
