import { type Context, Hono } from "hono";
import { isShortString, SHORT_STRING } from "../../base/short_string.ts";
import type { MessageEvent, MessageEvents } from "../../invocation/insight/message_event.ts";
import { Problem } from "../problem.ts";
import { eventStream, type ServerSentEvent } from "./event_stream.ts";

export interface MessageEventOptions {
  /** Ends the streams that are open. */
  closing?: AbortSignal;
  /** Milliseconds between two signs of life on a stream. @default 15_000 */
  ping?: number;
}

/** `/messages/:id/events`: what happens to a message, as server-sent events, until it is done or dead. */
export function messageEventRoutes(events: MessageEvents, options: MessageEventOptions = {}): Hono {
  return new Hono().get("/messages/:id/events", (context) => followMessage(context, events, options));
}

/** @throws {Problem} 400 for an id that no message has */
export function followMessage(
  context: Context,
  events: MessageEvents,
  { closing, ping }: MessageEventOptions = {},
): Response {
  const id = idOf(context);
  const over = new AbortController();
  const end = () => {
    closing?.removeEventListener("abort", end);
    over.abort();
  };
  closing?.addEventListener("abort", end, { once: true });
  if (closing?.aborted) end();
  const followed = events.follow(id, { function: context.req.query("function"), signal: over.signal });
  return eventStream(serverSent(followed), { onEnd: end, ping });
}

const PATH = /^\/messages\/([^/]+)\/events$/;

/** Whether a request is for the events of a message. */
export function isMessageEvents({ req }: Context): boolean {
  return PATH.test(req.path);
}

function idOf({ req }: Context): string {
  let id = "";
  try {
    id = decodeURIComponent(PATH.exec(new URL(req.url).pathname)?.[1] ?? "");
  } catch {
    // It is no text in UTF-8.
  }
  if (id !== "" && isShortString(id)) return id;
  throw new Problem(400, "Bad Request", `a message's id has 1 to ${SHORT_STRING} bytes`);
}

async function* serverSent(events: AsyncIterable<MessageEvent>): AsyncGenerator<ServerSentEvent> {
  for await (const { kind, ...data } of events) yield { event: kind, data };
}
