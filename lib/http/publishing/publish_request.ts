import type { Context } from "hono";
import { CONTENT_ENCODINGS } from "../../invocation/content/content_encoding.ts";
import { PREFIX } from "../../invocation/content/event_attributes.ts";
import { childTrace, readTrace, TRACEPARENT, TRACESTATE } from "../../invocation/trace_context.ts";
import { Spans } from "../../invocation/tracing/spans.ts";
import { isShortString, SHORT_STRING } from "../../base/short_string.ts";
import { bodyOf } from "./body.ts";
import { asTheirs, Problem } from "../problem.ts";
import { whyIdle } from "../readiness.ts";
import { readDelay, readPriority } from "../../invocation/message_timing.ts";
import type { FunctionView, PublishRequest, ReplyView, RunnerView } from "../runner_view.ts";

/** When a message is handled. */
export type Timing = Pick<PublishRequest, "delay" | "priority">;

/** With tracing on, Deno makes a span of each request. */
const SPANS = Spans.open();
/** Seconds that a request may wait for its answer. */
const MAX_WAIT = 3600;
/** Headers of a request that become headers of the message have to fit into one frame. */
const MAX_HEADERS = 16_384;
const MEDIA_TYPE = /^[!#$%&'*+.^_`|~\w-]+\/[!#$%&'*+.^_`|~\w-]+\s*(;.*)?$/;

/** Publishes a request as a message of a function, and answers it: with 202, or with the result where it is wanted. */
export async function publishRequest(
  context: Context,
  runner: RunnerView,
  view: FunctionView,
  maxBody: number,
  more: Readonly<Record<string, string>> = {},
  timing: Timing = {},
): Promise<Response> {
  const { name, envelope, http } = view;
  const contentType = mediaType(context);
  const contentEncoding = encoding(context);
  const messageId = idOf(context);
  const body = await bodyOf(context.req.raw, Math.min(maxBody, http?.maxBody || maxBody));
  const given = {
    ...traceOf(context),
    ...(envelope && attributesOf(context)),
    ...(http && namedHeaders(context, http.headers)),
    ...more,
  };
  const headers = Object.keys(given).length > 0 ? given : undefined;
  const request = { body, contentType, contentEncoding, messageId, headers, ...timing };
  const wait = preferredWait(context);
  if (wait !== undefined) {
    const reply = await runner.request(name, request, { wait, gone: context.req.raw.signal });
    return await answered(context, messageId, wait, reply);
  }
  await runner.publish(name, request);
  return context.json({ messageId, ...idleness(view) }, 202);
}

/**
 * `?delay=10s&priority=5`. Paths of functions' own have no such parameters: their whole query is the function's.
 *
 * @throws {Problem} 400
 */
export function timingOf({ req }: Context): Timing {
  const [delay, priority] = [req.query("delay"), req.query("priority")];
  try {
    return {
      ...(delay === undefined ? {} : { delay: readDelay("delay", delay) }),
      ...(priority === undefined ? {} : { priority: readPriority("priority", priority) }),
    };
  } catch (error) {
    asTheirs(error);
  }
}

/** The headers that the function names, as text. */
function namedHeaders(context: Context, names: readonly string[]): Record<string, string> {
  const given = names.flatMap((name) => {
    const value = context.req.header(name);
    return value === undefined ? [] : [[name, value] as const];
  });
  if (given.reduce((sum, [name, value]) => sum + name.length + value.length, 0) > MAX_HEADERS) {
    const most = `the headers that become headers of the message have at most ${MAX_HEADERS} characters`;
    throw new Problem(431, "Request Header Fields Too Large", most);
  }
  return Object.fromEntries(given);
}

/** The message is with the broker in any case; this says that it waits there, and why. */
function idleness(view: FunctionView): { state?: string; detail?: string } {
  const detail = whyIdle(view);
  return detail === undefined ? {} : { state: view.state, detail };
}

/** Milliseconds from `Prefer: wait=10` (RFC 7240); undefined where nobody waits. */
function preferredWait(context: Context): number | undefined {
  const asked = /(?:^|[,;\s])wait\s*=\s*"?(\d+)"?/i.exec(context.req.header("prefer") ?? "");
  return asked ? Math.min(Number(asked[1]), MAX_WAIT) * 1000 : undefined;
}

/** 200 with the result, 422 when it was rejected, 500 when it failed, 504 when there was no answer in time. */
function answered(context: Context, messageId: string, wait: number, reply: ReplyView | undefined): Response {
  const headers = { "preference-applied": `wait=${wait / 1000}`, "message-id": messageId };
  if (!reply) {
    throw new Problem(
      504,
      "Gateway Timeout",
      `no answer within ${wait / 1000} s; message ${messageId} waits in its queue or is being handled`,
      headers,
    );
  }
  if (reply.outcome === "completed") {
    const type: Record<string, string> = reply.contentType ? { "content-type": reply.contentType } : {};
    return context.body(reply.body as Uint8Array<ArrayBuffer>, 200, {
      ...headers,
      ...type,
    });
  }
  const rejected = ["rejected", "undecodable", "invalid"].includes(reply.outcome);
  const { error } = JSON.parse(new TextDecoder().decode(reply.body));
  const [status, title] = rejected ? [422, "Unprocessable Content"] as const : [500, "Internal Server Error"] as const;
  throw new Problem(status, title, `${error.type}: ${error.message}`, headers, { messageId, error });
}

function mediaType(context: Context): string | undefined {
  const type = context.req.header("content-type");
  if (type === undefined) return undefined;
  const wrong = type.toLowerCase().startsWith("multipart/")
    ? "is a form with several parts, and a message has one body"
    : !isShortString(type)
    ? "is longer than the 255 bytes that a message has for it"
    : MEDIA_TYPE.test(type)
    ? undefined
    : "is not a media type, as in application/json";
  if (wrong) throw new Problem(415, "Unsupported Media Type", `content type "${type}" ${wrong}`);
  return type;
}

function encoding(context: Context): string | undefined {
  const given = context.req.header("content-encoding")?.toLowerCase().split(",").map((name) => name.trim()) ?? [];
  const encodings = given.filter((name) => name !== "" && name !== "identity");
  const unknown = encodings.find((name) => !CONTENT_ENCODINGS.includes(name));
  if (unknown !== undefined) {
    const known = CONTENT_ENCODINGS.join(", ");
    const detail = `content encoding "${unknown}" is not one of ${known}`;
    throw new Problem(415, "Unsupported Media Type", detail, { "accept-encoding": known });
  }
  return encodings.join(", ") || undefined;
}

/** The trace that the request is part of, which the message carries on; below the span of the request, if there is one. */
function traceOf(context: Context): Record<string, string> | undefined {
  const given = { [TRACEPARENT]: context.req.header(TRACEPARENT), [TRACESTATE]: context.req.header(TRACESTATE) };
  const trace = readTrace(given);
  const current = SPANS?.active(trace) ?? trace;
  return current && childTrace(current);
}

/** The attributes of an event in HTTP's binary mode, as headers of a message. */
function attributesOf(context: Context): Record<string, string> {
  const given = Object.entries(context.req.header()).filter(([name]) => name.startsWith("ce-"));
  if (given.reduce((sum, [name, value]) => sum + name.length + value.length, 0) > MAX_HEADERS) {
    const most = `the attributes of an event have at most ${MAX_HEADERS} characters`;
    throw new Problem(431, "Request Header Fields Too Large", most);
  }
  return Object.fromEntries(given.map(([name, value]) => [PREFIX + name.slice("ce-".length), unescaped(value)]));
}

/** The HTTP binding escapes everything but printable ASCII. Text that is not an escape stays as it is. */
function unescaped(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}

function idOf(context: Context): string {
  const given = context.req.header("message-id");
  if (given === undefined) return crypto.randomUUID();
  if (given.length === 0 || !isShortString(given)) {
    throw new Problem(400, "Bad Request", `Message-Id must have 1 to ${SHORT_STRING} bytes`);
  }
  return given;
}
