import type { Ended } from "../../invocation/insight/ended.ts";
import type { MessageEvent, ReturnedValue } from "../../invocation/insight/message_event.ts";
import type { RunSummary } from "../../invocation/insight/run.ts";
import type { Outcome, Result } from "../../invocation/outcome.ts";

/** Bytes of a result that is handed on. */
const MOST_RESULT = 256 * 1024;

/** What the end of an invocation is for those who follow its message. */
export function endingOf({ definition: { name }, invocation: { attempt }, outcome, next }: Ended): MessageEvent {
  const about = { function: name, attempt };
  const error = errorOf(outcome);
  switch (next.kind) {
    case "ack":
      return { kind: "done", ...about, ...returned(outcome.kind === "completed" ? outcome.result : undefined) };
    case "deadLetter":
      return { kind: "dead", ...about, reason: next.reason, ...error };
    case "retry":
      return { kind: "retrying", function: name, attempt: next.attempt, delay: next.delay, ...error };
    case "return":
      return { kind: "queued" };
  }
}

/** The state of a message by its newest run. What a handler returned is in no record. */
export function stateAfter({ function: name, attempt, error, next, endedAt }: RunSummary, now: number): MessageEvent {
  const about = { function: name, attempt };
  switch (next.kind) {
    case "ack":
      return { kind: "done", ...about, omitted: "the message had ended before anybody followed it" };
    case "deadLetter":
      return { kind: "dead", ...about, reason: next.reason, ...(error && { error }) };
    case "retry": {
      const delay = Math.max(0, endedAt + next.delay - now);
      return { kind: "retrying", function: name, attempt: next.attempt, delay, ...(error && { error }) };
    }
    case "return":
      return { kind: "queued" };
  }
}

function errorOf(outcome: Outcome): { error?: { type: string; message: string } } {
  if (!("failure" in outcome)) return {};
  const { type, message } = outcome.failure;
  return { error: { type, message } };
}

function returned(result: Result | undefined): ReturnedValue {
  if (!result) return {};
  const { body, contentType } = result;
  const type = contentType === undefined ? {} : { contentType };
  if (body.length > MOST_RESULT) {
    return { ...type, omitted: `the result has ${body.length} bytes, more than ${MOST_RESULT}` };
  }
  const media = contentType?.split(";", 1)[0].trim().toLowerCase() ?? "";
  const text = /json$|^text\//.test(media) ? new TextDecoder().decode(body) : undefined;
  if (text === undefined) return { ...type, result: body.toBase64(), base64: true };
  return { ...type, result: media.endsWith("json") ? parsed(text) : text };
}

/** What a function's process calls JSON may be anything. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
