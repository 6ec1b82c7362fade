import { assertEquals, assertStringIncludes } from "@std/assert";
import { readEvents, type ReceivedEvent } from "../../../lib/cli/runs/event_reader.ts";
import { eventStream, type ServerSentEvent } from "../../../lib/http/runs/event_stream.ts";
import type { LiveEvent } from "../../../lib/invocation/insight/operator_view.ts";
import { eventually } from "../../support/eventually.ts";
import { runsApi } from "./runs_api.ts";

function line(name: string, message: string): LiveEvent {
  return { kind: "log", function: name, runner: "here", messageId: "m", line: { time: 1, level: "info", message } };
}

async function next(events: AsyncGenerator<ReceivedEvent>): Promise<ReceivedEvent | undefined> {
  const { value, done } = await events.next();
  return done ? undefined : value;
}

Deno.test("GET /logs gives the newest lines", async () => {
  const { ask, runs } = runsApi();
  assertEquals((await ask("/logs?function=hello&limit=5")).status, 200);
  assertEquals(runs.asked, [["lines", { function: "hello", limit: 5 }]]);
  assertEquals((await ask("/logs?limit=many")).status, 400);
});

Deno.test("a stream has the lines of its function from the beginning on, and ends with the runner", async () => {
  const { ask, runs, closing } = runsApi();
  const response = await ask("/logs?function=hello", { headers: { accept: "text/event-stream" } });
  assertEquals([response.status, response.headers.get("content-type")], [200, "text/event-stream"]);
  const events = readEvents(response.body!);
  assertEquals((await next(events))?.event, "following");
  runs.hub.publish(line("other", "not mine"));
  runs.hub.publish(line("hello", "one\ntwo"));
  const event = await next(events);
  const { kind: _, ...expected } = line("hello", "one\ntwo");
  assertEquals([event?.event, JSON.parse(event!.data)], ["log", expected]);
  closing.abort();
  assertEquals([await next(events), runs.hub.size], [undefined, 0]);
});

Deno.test("a reader that goes leaves nothing behind", async () => {
  const { ask, runs } = runsApi();
  const response = await ask("/logs?follow=true");
  assertEquals(runs.hub.size, 1);
  await response.body!.cancel();
  await eventually(() => runs.hub.size === 0);
});

Deno.test("a reader that is too slow is told so, at the end", async () => {
  const { ask, runs } = runsApi({ limit: 2 });
  const response = await ask("/logs?follow=true");
  for (let count = 0; count < 100; count++) runs.hub.publish(line("hello", `${count}`));
  const names: string[] = [];
  for await (const { event } of readEvents(response.body!)) names.push(event);
  assertEquals([names[0], names.at(-1), names.length < 100], ["following", "cut", true]);
  assertEquals(runs.hub.size, 0);
});

Deno.test("a reader that takes nothing any more is cut off", async () => {
  let ended = 0;
  async function* endless(): AsyncGenerator<ServerSentEvent> {
    for (;;) yield await Promise.resolve({ event: "log", data: "x" });
  }
  const response = eventStream(endless(), { onEnd: () => void ended++, ping: 5 });
  await eventually(() => ended === 1);
  const error = await response.text().then(() => undefined, (error) => error as Error);
  assertStringIncludes(String(error), "takes nothing");
});

Deno.test("an idle stream shows signs of life, which are no events", async () => {
  const { promise: over, resolve: end } = Promise.withResolvers<void>();
  async function* late(): AsyncGenerator<ServerSentEvent> {
    await over;
    yield { event: "late", data: 1 };
  }
  const [one, other] = eventStream(late(), { onEnd: () => {}, ping: 5 }).body!.tee();
  const reader = one.pipeThrough(new TextDecoderStream()).getReader();
  assertEquals((await reader.read()).value, ": still here\n\n");
  end();
  assertEquals(await next(readEvents(other)), { event: "late", data: "1" });
  await reader.cancel();
});
