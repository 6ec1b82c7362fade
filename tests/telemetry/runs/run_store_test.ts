import { assertEquals, assertThrows } from "@std/assert";
import { openRuns } from "../../../lib/telemetry/runs/store/run_schema.ts";
import { RunStore } from "../../../lib/telemetry/runs/store/run_store.ts";
import { failed } from "../ended.ts";
import { memoryStore, runOf } from "./stored.ts";

Deno.test("a run is found again whole, by its id", () => {
  using store = memoryStore();
  const run = runOf({
    messageId: "m",
    outcome: failed("no", "Error: no\n    at f (file:///f.ts:1:2)"),
    headers: { a: 1 },
  });
  store.insert([run]);
  assertEquals(store.run(run.id), JSON.parse(JSON.stringify(run)));
  assertEquals(store.run("other"), undefined);
});

Deno.test("queries find by each condition, newest first", () => {
  using store = memoryStore();
  const trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const [a, b, c] = [
    runOf({ name: "one", messageId: "a", at: 10_000 }),
    runOf({ name: "two", messageId: "b", at: 20_000, outcome: failed("no"), headers: { traceparent: trace } }),
    runOf({ name: "one", messageId: "a", at: 30_000, attempt: 2 }),
  ];
  store.insert([b, a, c]);
  const found = (query: Parameters<typeof store.runs>[0]) => store.runs(query).items.map(({ id }) => id);
  assertEquals(found({}), [c.id, b.id, a.id]);
  assertEquals(found({ function: "one" }), [c.id, a.id]);
  assertEquals(found({ messageId: "a", limit: 1 }), [c.id]);
  assertEquals(found({ failed: true }), [b.id]);
  assertEquals(found({ outcome: "completed" }), [c.id, a.id]);
  assertEquals(found({ traceId: "0af7651916cd43dd8448eb211c80319c" }), [b.id]);
  assertEquals(found({ since: 20_000 }), [c.id, b.id]);
  assertEquals(found({ until: 20_000 }), [b.id, a.id]);
  assertEquals(found({ since: 20_000, until: 20_000 }), [b.id]);
});

Deno.test("a text is looked for in id, error, headers and body, and nowhere else", () => {
  using store = memoryStore();
  const runs = {
    id: runOf({ messageId: "order-100%_x" }),
    error: runOf({ outcome: failed('card "visa" declined') }),
    header: runOf({ headers: { tenant: "Größe" } }),
    body: runOf({ body: '{"city":"Bergen"}' }, true),
  };
  store.insert(Object.values(runs));
  const found = (text: string) => store.runs({ text }).items.map(({ id }) => id);
  assertEquals(found("100%_"), [runs.id.id]);
  assertEquals(found("100%x"), []);
  assertEquals(found('CARD "visa"'), [runs.error.id]);
  assertEquals(found("größe"), [runs.header.id]);
  assertEquals(found("tenant"), [runs.header.id]);
  assertEquals(found('"city":"bergen"'), [runs.body.id]);
  // In every record, but as the name of a field, or as a property.
  for (const text of ["attempt", "outcome", "application/json", "here"]) assertEquals(found(text), []);
});

Deno.test("the oldest go first, and failures and successes leave each other half of the room", () => {
  using store = memoryStore({ keep: 100 });
  const many = (count: number, from: number, outcome?: ReturnType<typeof failed>) =>
    Array.from({ length: count }, (_, index) => runOf({ at: from + index, outcome }));
  store.insert(many(80, 1_000, failed("no")));
  store.insert(many(300, 2_000));
  const kinds = store.runs({ limit: 500 }).items.map(({ outcome }) => outcome);
  assertEquals([kinds.length, kinds.filter((kind) => kind === "failed").length], [100, 50]);
  assertEquals(store.runs({ failed: true, limit: 500 }).items.map(({ endedAt }) => endedAt).at(-1), 1_030);
  assertEquals([store.runs({ failed: true }).since, store.runs({}).since], [1_030, 2_250]);
});

Deno.test("where only one kind comes, it has all the room", () => {
  using store = memoryStore({ keep: 100 });
  store.insert(Array.from({ length: 150 }, (_, index) => runOf({ at: 1_000 + index })));
  assertEquals(store.runs({ limit: 500 }).items.length, 100);
});

Deno.test("what is too old goes", () => {
  using store = memoryStore({ age: 10_000, now: 1_000_000 });
  store.insert([runOf({ at: 980_000 }), runOf({ at: 995_000 })]);
  assertEquals(store.runs({}).items.map(({ endedAt }) => endedAt), [995_000]);
  assertEquals(store.runs({}).since, 990_000);
});

Deno.test("a record that comes twice is there once", () => {
  using store = memoryStore({ keep: 10 });
  const run = runOf();
  store.insert([run]);
  store.insert([run]);
  assertEquals(store.runs({}).items.length, 1);
});

Deno.test("failures of one kind are one group, with count, times and the newest runs", () => {
  using store = memoryStore();
  const stack = (line: number) => `Error: no\n    at load (file:///f.ts:${line}:9)`;
  const runs = [1, 2, 3].map((count) =>
    runOf({ at: count * 1_000, outcome: failed(`order ${count} is gone`, stack(7)) })
  );
  const other = runOf({ at: 2_500, outcome: failed("order 9 is gone", stack(8)) });
  const elsewhere = runOf({ name: "other", at: 9_000, outcome: failed("order 1 is gone", stack(7)) });
  store.insert([...runs, other, elsewhere, runOf()]);
  const [first, second, ...more] = store.errors("order").items;
  assertEquals([first.message, first.type, first.frame], ["order … is gone", "Error", "load (file:///f.ts:7)"]);
  assertEquals([first.count, first.firstSeen, first.lastSeen], [3, 1_000, 3_000]);
  assertEquals(first.samples, runs.map(({ id }) => id).reverse());
  assertEquals([second.count, more.length], [1, 0]);
  assertEquals(store.errors().items.map(({ function: name }) => name), ["other", "order", "order"]);
});

Deno.test("the newest lines of a function's logs come in the order of their times", () => {
  using store = memoryStore();
  const line = (time: number) => ({ time, level: "info", message: `at ${time}` });
  store.insert([
    { ...runOf({ at: 30 }), logs: [line(10), line(30)] },
    { ...runOf({ at: 40 }), logs: [line(20)] },
    { ...runOf({ name: "other", at: 50 }), logs: [line(25)] },
  ]);
  const times = (limit?: number) => store.lines({ function: "order", limit }).map(({ line }) => line.time);
  assertEquals([times(), times(2)], [[10, 20, 30], [20, 30]]);
});

Deno.test("where the disk is full, a group is lost whole, and later ones are kept", () => {
  const sqlite = openRuns(":memory:");
  using store = Object.assign(new RunStore(sqlite, { keep: 1_000, age: 1e9, now: () => 1_000_000 }), {
    [Symbol.dispose]: () => sqlite.close(),
  });
  const before = runOf();
  store.insert([before]);
  sqlite.exec("PRAGMA max_page_count = 40");
  const many = () => Array.from({ length: 500 }, () => runOf({ outcome: failed("no") }));
  for (let again = 0; again < 2; again++) assertThrows(() => store.insert(many()), Error, "full");
  assertEquals(store.runs({}).items.map(({ id }) => id), [before.id]);
  sqlite.exec("PRAGMA max_page_count = 100000");
  store.insert(many());
  assertEquals(store.runs({ failed: true, limit: 500 }).items.length, 500);
});
