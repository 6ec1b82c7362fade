import { assertEquals } from "@std/assert";
import type { OnceClaim } from "../../../lib/invocation/once_store.ts";
import { Logger } from "../../../lib/base/log.ts";
import { OnceCalls } from "../../../lib/sandbox/host/once_calls.ts";
import { MemoryStore } from "../../support/memory_store.ts";

/** A store whose answers wait until the test lets them go. */
class SlowStore extends MemoryStore {
  readonly #gate = Promise.withResolvers<void>();

  override async claim(key: string, owner: string, lease: number): Promise<OnceClaim> {
    const claim = await super.claim(key, owner, lease);
    await this.#gate.promise;
    return claim;
  }

  answer(): void {
    this.#gate.resolve();
  }
}

function callsTo(store: MemoryStore): OnceCalls {
  const log = new Logger({ level: "silent" });
  return new OnceCalls({ keeping: { store, keep: 60_000 }, scope: "function", log });
}

Deno.test("end() gives up a key that the store was about to give, before it resolves", async () => {
  const store = new SlowStore();
  const calls = callsTo(store);
  const answer = calls.claim({ id: 1, call: 1, key: "k", lease: 60_000 });
  assertEquals(store.keys, ["function/k"]);
  const ended = calls.end();
  store.answer();
  await ended;
  assertEquals(store.keys, []);
  assertEquals((await answer)?.kind, "error");
});

Deno.test("an invocation that is over gives up a key that the store was about to give", async () => {
  const store = new SlowStore();
  const calls = callsTo(store);
  const answer = calls.claim({ id: 1, call: 1, key: "k", lease: 60_000 });
  calls.over(1);
  store.answer();
  assertEquals([(await answer)?.kind, store.keys], ["error", []]);
});

Deno.test("the end does not wait for a store that never answers, and says that its keys are held", async () => {
  const never = () => new Promise<never>(() => {});
  const said: string[] = [];
  for (const end of ["end", "settled"] as const) {
    const store = Object.assign(new MemoryStore(), { done: never, release: never });
    const log = new Logger({ write: (line) => said.push(JSON.parse(line).message) });
    const calls = new OnceCalls({ keeping: { store, keep: 60_000 }, scope: "function", log, patience: 20 });
    assertEquals(await calls.claim({ id: 1, call: 1, key: "k", lease: 60_000 }), { kind: "run" });
    void calls.done(1, "1");
    await (end === "end" ? calls.end() : calls.settled());
  }
  const line = "the store of once() did not answer within 0.02 s; its keys are held until their time is over";
  assertEquals(said, [line, line]);
});

Deno.test("done() and failed() are for effects that run, and end() waits for what is being recorded", async () => {
  const store = new MemoryStore();
  const calls = callsTo(store);
  for (const call of [1, 2]) {
    assertEquals((await calls.done(call, "1")).kind, "error");
    await calls.failed(call);
  }
  assertEquals(await calls.claim({ id: 1, call: 1, key: "k", lease: 60_000 }), { kind: "run" });
  assertEquals(await calls.claim({ id: 1, call: 1, key: "k", lease: 60_000 }), undefined);
  store.failures = 1;
  const recorded = calls.done(1, "1");
  await calls.end();
  assertEquals(await store.claim("function/k", "b", 1), { kind: "done", value: "1" });
  assertEquals(await recorded, { kind: "done", value: "1" });
});
