import { type Context, Hono } from "hono";
import type { LiveEvent, OperatorView } from "../../invocation/insight/operator_view.ts";
import { eventStream, type ServerSentEvent } from "./event_stream.ts";
import { limitOf } from "./runs.ts";

type Logs = Pick<OperatorView, "lines" | "follow">;

export interface LogRoutesOptions {
  /** Ends the streams that are open. */
  closing?: AbortSignal;
  /** Milliseconds between two signs of life on a stream. @default 15_000 */
  ping?: number;
}

/**
 * `/logs`: the newest lines that handlers logged. With `Accept: text/event-stream` or `?follow=true`: what they log from
 * now on, as server-sent events. `following` says that from here on nothing is missed, each `log` has a line, and `cut`
 * says that the reader was too slow.
 */
export function logRoutes(view: Logs, options: LogRoutesOptions = {}): Hono {
  return new Hono().get("/logs", async (context) => {
    const { req } = context;
    const name = req.query("function");
    if (follows(context)) return following(view, name, options);
    return context.json(await view.lines({ function: name, limit: limitOf(req.query("limit")) }));
  });
}

function follows({ req }: Context): boolean {
  return req.query("follow") === "true" || (req.header("accept")?.includes("text/event-stream") ?? false);
}

function following(view: Logs, name: string | undefined, { closing, ping }: LogRoutesOptions): Response {
  const over = new AbortController();
  const end = () => {
    closing?.removeEventListener("abort", end);
    over.abort();
  };
  closing?.addEventListener("abort", end, { once: true });
  if (closing?.aborted) end();
  const events = view.follow({ function: name, kind: "log" }, over.signal);
  return eventStream(serverSent(events), { onEnd: end, ping });
}

async function* serverSent(events: AsyncIterable<LiveEvent>): AsyncGenerator<ServerSentEvent> {
  yield { event: "following", data: {} };
  for await (const { kind, ...data } of events) yield { event: kind, data };
}
