import { assert, assertEquals, assertRejects } from "@std/assert";
import type { LiveEvent } from "../../lib/invocation/insight/operator_view.ts";
import { Hub, TooSlow } from "../../lib/telemetry/hub.ts";

function line(name: string, message: string): LiveEvent {
  return { kind: "log", function: name, runner: "here", line: { time: 1, level: "info", message } };
}

/** The messages of all events, to the end. */
async function all(events: AsyncIterable<LiveEvent>): Promise<string[]> {
  const messages: string[] = [];
  for await (const event of events) messages.push(event.kind === "log" ? event.line.message : event.run.id);
  return messages;
}

Deno.test("everybody who follows gets what happens from then on, and only what was asked for", async () => {
  const hub = new Hub();
  const stop = new AbortController();
  hub.publish(line("a", "before"));
  const both = all(hub.follow({}, stop.signal));
  const one = all(hub.follow({ function: "a", kind: "log" }, stop.signal));
  const runs = all(hub.follow({ kind: "run" }, stop.signal));
  hub.publish(line("a", "1"));
  hub.publish(line("b", "2"));
  assertEquals(hub.size, 3);
  stop.abort();
  assertEquals([await both, await one, await runs], [["1", "2"], ["1"], []]);
  assertEquals(hub.size, 0);
});

Deno.test("who is too slow is cut off, after what had been waiting, and others are not", async () => {
  const hub = new Hub({ limit: 3 });
  const { signal } = new AbortController();
  const slow = hub.follow({}, signal)[Symbol.asyncIterator]();
  const quick = hub.follow({}, signal)[Symbol.asyncIterator]();
  for (let count = 1; count <= 5; count++) {
    hub.publish(line("a", `${count}`));
    assertEquals((await quick.next()).done, false);
  }
  const got = [await slow.next(), await slow.next(), await slow.next()];
  assert(got.every(({ done }) => !done));
  await assertRejects(() => slow.next(), TooSlow, "more than 3 events waited");
  assertEquals(hub.size, 1);
  await quick.return?.();
  assertEquals(hub.size, 0);
});

Deno.test("who has aborted before gets nothing and holds nothing", async () => {
  const hub = new Hub();
  assertEquals([await all(hub.follow({}, AbortSignal.abort())), hub.size], [[], 0]);
});

Deno.test("who stops reading in the middle holds nothing", async () => {
  const hub = new Hub();
  const events = hub.follow({}, new AbortController().signal);
  hub.publish(line("a", "1"));
  for await (const _ of events) break;
  assertEquals(hub.size, 0);
});
