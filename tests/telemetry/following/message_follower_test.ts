import { assertEquals, assertThrows } from "@std/assert";
import type { FleetNews } from "../../../lib/invocation/insight/fleet.ts";
import type { MessageEvent } from "../../../lib/invocation/insight/message_event.ts";
import type { RunSummary } from "../../../lib/invocation/insight/run.ts";
import { FollowedMessages } from "../../../lib/telemetry/following/followed_messages.ts";
import { MessageFollower } from "../../../lib/telemetry/following/message_follower.ts";
import { toRun } from "../../../lib/telemetry/runs/run_record.ts";
import { FakeTimers } from "../../serving/fake_timers.ts";
import { endedAs, failed, invocationAs } from "../ended.ts";

/** Runners that tell each other something; what they say goes through JSON, as it does through a broker. */
class FakeNews {
  readonly #heard = new Map<string, Map<string, (value: unknown, from: string) => void>>();
  /** Topics, and who told them to whom. */
  readonly told: string[] = [];
  /** What is told is lost, as it is while a connection is down. */
  down = false;

  as(name: string): FleetNews {
    const own = new Map<string, (value: unknown, from: string) => void>();
    this.#heard.set(name, own);
    return {
      hear: (topic, heard) => void own.set(topic, heard),
      tell: (topic, value, to) => {
        if (this.down) return false;
        this.told.push(`${topic} ${name} ${to ?? "all"}`);
        for (const [other, topics] of this.#heard) {
          if (other === name || (to !== undefined && to !== other)) continue;
          topics.get(topic)?.(JSON.parse(JSON.stringify(value)), name);
        }
        return true;
      },
    };
  }
}

function fleetOf(...names: string[]) {
  const news = new FakeNews();
  const timers = new FakeTimers();
  const records: RunSummary[] = [];
  const runners = names.map((name) => {
    const followed = new FollowedMessages({ runner: name, timers });
    const asked: string[] = [];
    const follower = new MessageFollower({
      news: news.as(name),
      followed,
      runs: { runs: () => Promise.resolve({ items: records, silent: [] }) },
      running: (id) => void asked.push(id),
      timers,
      most: 2,
    });
    return { followed, follower, asked };
  });
  return { news, timers, records, runners };
}

/** What is followed, as it comes. */
function read(events: AsyncIterable<MessageEvent>) {
  const iterator = events[Symbol.asyncIterator]();
  return {
    next: async () => (await iterator.next()).value as MessageEvent | undefined,
    close: () => iterator.return?.(),
  };
}

const NEVER = new AbortController().signal;
const { definition } = endedAs();

Deno.test("who follows a message hears of it from every runner, and nobody tells of others", async () => {
  const { runners: [one, two], news } = fleetOf("one", "two");
  const reader = read(one.follower.follow("m", { signal: NEVER }));
  assertEquals(await reader.next(), { kind: "queued" });
  assertEquals([one.asked, two.asked], [["m"], ["m"]]);

  const invocation = invocationAs({ messageId: "m" });
  assertEquals(two.followed.started(definition, invocationAs({ messageId: "other" }), 1), false);
  assertEquals(two.followed.started(definition, invocation, 1), true);
  two.followed.progressed(definition, invocation, { percent: 50 });
  assertEquals(await reader.next(), { kind: "running", function: "order", runner: "two", attempt: 1, startedAt: 1 });
  assertEquals(await reader.next(), { kind: "progress", function: "order", attempt: 1, value: { percent: 50 } });

  const result = { body: new TextEncoder().encode('{"a":1}'), contentType: "application/json" };
  two.followed.ended(endedAs({ messageId: "m", outcome: { kind: "completed", result } }));
  const about = { function: "order", attempt: 1, contentType: "application/json" };
  assertEquals(await reader.next(), { kind: "done", ...about, result: { a: 1 } });
  assertEquals(await reader.next(), undefined);
  assertEquals(news.told.filter((told) => told.startsWith("happened")), Array(3).fill("happened two one"));
  assertEquals(one.followed.size, 0);
});

Deno.test("a slow reader gets the latest progress, and every change of state", async () => {
  const { runners: [one] } = fleetOf("one");
  const reader = read(one.follower.follow("m", { signal: NEVER }));
  await reader.next();
  const invocation = invocationAs({ messageId: "m" });
  one.followed.started(definition, invocation, 1);
  // It is told again whenever somebody else begins to follow.
  one.followed.started(definition, invocation, 1);
  for (let percent = 0; percent <= 100; percent++) one.followed.progressed(definition, invocation, percent);
  one.followed.ended(endedAs({ messageId: "m", outcome: failed("no"), next: { kind: "retry", delay: 5, attempt: 2 } }));
  one.followed.ended(endedAs({ messageId: "m", outcome: failed("no"), attempt: 2 }));
  const seen: unknown[] = [];
  for (let event = await reader.next(); event; event = await reader.next()) {
    seen.push(event.kind === "progress" ? event.value : event.kind);
  }
  assertEquals(seen, ["running", 100, "retrying", "dead"]);
});

Deno.test("what ended before is answered from the records, unless it goes on meanwhile", async () => {
  const { runners: [one], records } = fleetOf("one");
  const about = { id: "1", runner: "one", logs: [], logsLeftOut: 0, body: false };
  records.push(toRun(endedAs({ messageId: "m", outcome: failed("no") }), about));
  const reader = read(one.follower.follow("m", { signal: NEVER }));
  const error = { type: "Error", message: "no" };
  assertEquals(await reader.next(), { kind: "dead", function: "order", attempt: 1, reason: "failed", error });
  assertEquals(await reader.next(), undefined);

  const again = read(one.follower.follow("m", { signal: NEVER }));
  const first = again.next();
  one.followed.started(definition, invocationAs({ messageId: "m" }), 2);
  assertEquals((await first)?.kind, "running");
  await again.close();
});

Deno.test("an end that was told while nothing could be heard is found in the records", async () => {
  const { runners: [one, two], records, news, timers } = fleetOf("one", "two");
  const about = { id: "1", runner: "two", logs: [], logsLeftOut: 0, body: false };
  // It was retried before, and that is no end.
  records.push(toRun(endedAs({ messageId: "m", next: { kind: "retry", delay: 5, attempt: 2 } }), about));
  news.down = true;
  const reader = read(one.follower.follow("m", { signal: NEVER }));
  assertEquals((await reader.next())?.kind, "retrying");
  await timers.pass(10_000);
  two.followed.ended(endedAs({ messageId: "m", attempt: 2 }));
  records.unshift(toRun(endedAs({ messageId: "m", attempt: 2 }), { ...about, id: "2" }));
  const next = reader.next();
  await timers.pass(60_000);
  const omitted = "its end was not heard, and records have no results";
  assertEquals(await next, { kind: "done", function: "order", attempt: 2, omitted });
  assertEquals(await reader.next(), undefined);
  assertEquals(one.followed.size, 0);
});

Deno.test("an end that was in the records from the start is no end of what runs now", async () => {
  const { runners: [one], records, timers } = fleetOf("one");
  const about = { id: "1", runner: "one", logs: [], logsLeftOut: 0, body: false };
  records.push(toRun(endedAs({ messageId: "m", outcome: failed("no") }), about));
  const reader = read(one.follower.follow("m", { signal: NEVER }));
  const first = reader.next();
  // It was a dead letter, and was sent again.
  one.followed.started(definition, invocationAs({ messageId: "m" }), 2);
  assertEquals((await first)?.kind, "running");
  const second = reader.next();
  await timers.pass(120_000);
  one.followed.ended(endedAs({ messageId: "m" }));
  assertEquals((await second)?.kind, "done");
});

Deno.test("who follows says so again and again, and is forgotten when that ends", async () => {
  const { runners: [one, two], timers, news } = fleetOf("one", "two");
  const over = new AbortController();
  const reader = read(one.follower.follow("m", { signal: over.signal }));
  await reader.next();
  await timers.pass(30_000);
  assertEquals(two.followed.size, 1);
  over.abort();
  assertEquals(await reader.next(), undefined);
  const told = news.told.length;
  await timers.pass(30_000);
  assertEquals([two.followed.size, news.told.length], [0, told]);
});

Deno.test("only so many follow at the same time, and what others say may be anything", async () => {
  const { runners: [one, two], news } = fleetOf("one", "two");
  const readers = ["a", "b"].map((id) => read(one.follower.follow(id, { signal: NEVER })));
  for (const reader of readers) await reader.next();
  assertThrows(() => one.follower.follow("c", { signal: NEVER }), Error, "2 streams of events are open");
  for (const reader of readers) await reader.close();
  const stranger = news.as("stranger");
  for (const value of [null, 1, { ids: "m" }, { ids: [1, {}, "x".repeat(300)] }]) stranger.tell("follow", value);
  for (const value of [null, { messageId: "m" }, { messageId: "m", event: { kind: "else" } }]) {
    stranger.tell("happened", value);
  }
  assertEquals([one.followed.size, two.followed.size], [0, 2]);
});
