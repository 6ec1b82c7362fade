import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { eventually } from "../support/eventually.ts";
import { fakeConsole } from "./fake_console.ts";

const OVERVIEW = "/console/live/overview";
/** Milliseconds: looks follow each other at once. */
const FAST = { interval: 1 };

/** Reads an event stream: what has come, and what comes next. */
class Events implements AsyncDisposable {
  readonly #reader: ReadableStreamDefaultReader<string>;
  #text = "";
  ended: unknown;

  constructor(response: Response) {
    this.#reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    void this.#read();
  }

  async #read(): Promise<void> {
    try {
      for (let next = await this.#reader.read(); !next.done; next = await this.#reader.read()) this.#text += next.value;
      this.ended = "end";
    } catch (error) {
      this.ended = error;
    }
  }

  /** Resolves with what has come since the last time, once a text is in it. */
  async until(text: string): Promise<string> {
    await eventually(() => this.#text.includes(text), { what: text });
    const found = this.#text;
    this.#text = "";
    return found;
  }

  get text(): string {
    return this.#text;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#reader.cancel().catch(() => {});
  }
}

Deno.test("a stream sends what changed, and only that", async () => {
  const { ask, world, operator } = fakeConsole({ live: FAST });
  await using events = new Events(await ask(OVERVIEW));
  const first = await events.until('id="runners"');
  assertStringIncludes(first, '<tbody id="rows" hx-swap-oob="innerHTML">');
  assertStringIncludes(first, 'id="trouble-words"');

  const looks = operator.looks;
  world.depths = world.depths.map((depth) => depth.function === "stock.sync" ? { ...depth, ready: 77_777 } : depth);
  operator.world = world;
  const second = await events.until("77\u202f777");
  assert(operator.looks > looks);
  assertStringIncludes(second, '<tr id="f-stock.sync" hx-swap-oob="innerHTML">');
  assert(!second.includes("<tbody") && !second.includes('id="f-orders.paid"'), second);
});

Deno.test("pages with the same address share the work, and without readers nothing runs", async () => {
  const { ask, operator } = fakeConsole({ live: { interval: 1_000_000 } });
  const all = await Promise.all(Array.from({ length: 10 }, async () => new Events(await ask(OVERVIEW))));
  await Promise.all(all.map((events) => events.until('id="runners"')));
  assertEquals(operator.looks, 1);
  for (const events of all) await events[Symbol.asyncDispose]();
});

Deno.test("a stream ends its work when its reader is gone", async () => {
  const { ask, operator } = fakeConsole({ live: FAST });
  {
    await using events = new Events(await ask("/console/live/functions/orders.created"));
    await events.until('id="runs"');
    assertEquals(operator.followers, 1);
  }
  await eventually(() => operator.followers === 0);
});

Deno.test("the live log has what the function logs on any runner, escaped", async () => {
  const { ask, operator } = fakeConsole({ live: FAST });
  await using events = new Events(await ask("/console/live/functions/orders.created"));
  await events.until('id="runs"');
  const line = (message: string) => ({ time: 1_000, level: "info", message });
  operator.emit({ kind: "log", function: "orders.paid", runner: "warren-b", line: line("of another") });
  operator.emit({ kind: "log", function: "orders.created", runner: "warren-b", line: line("<script>alert(1)") });
  const text = await events.until("&lt;script&gt;alert(1)");
  assertStringIncludes(text, '<div id="log" hx-swap-oob="beforeend">');
  assert(!text.includes("of another"));
});

Deno.test("more streams than allowed are refused, and there is room again when one ends", async () => {
  const { ask } = fakeConsole({ live: { most: 2, ...FAST } });
  await using _first = new Events(await ask(OVERVIEW));
  const second = new Events(await ask("/console/live/queues"));
  const refused = await ask(OVERVIEW, { headers: { accept: "text/event-stream" } });
  assertEquals([refused.status, refused.headers.get("retry-after")], [503, "30"]);
  await refused.body?.cancel();

  await second[Symbol.asyncDispose]();
  await eventually(async () => {
    const response = await ask(OVERVIEW);
    await response.body?.cancel();
    return response.status === 200;
  });
});

Deno.test("a reader that takes nothing is cut off", async () => {
  const { ask, world, operator } = fakeConsole({ live: { interval: 1, patience: 5, most: 1 } });
  const response = await ask(OVERVIEW);
  let ready = 0;
  await eventually(async () => {
    // Something changes each time, and nobody reads it.
    operator.world = { ...world, depths: world.depths.map((depth) => ({ ...depth, ready: ready++ })) };
    const next = await ask("/console/live/queues", { headers: { accept: "text/event-stream" } });
    await next.body?.cancel();
    return next.status === 200;
  });
  const events = new Events(response);
  await eventually(() => events.ended instanceof Error);
});

Deno.test("a look that fails ends no stream", async () => {
  const { ask, operator, world } = fakeConsole({ live: FAST });
  await using events = new Events(await ask("/console/live/queues"));
  await events.until('id="orphans"');
  operator.failure = new Error("the broker is gone");
  const looks = operator.looks;
  await eventually(() => operator.looks > looks + 1);
  operator.failure = undefined;
  operator.world = { ...world, orphans: [{ queue: "lost.dead", messages: 3, advice: "read them" }] };
  assertStringIncludes(await events.until("lost.dead"), "read them");
});
