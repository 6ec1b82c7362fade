import type { AnnouncedFunction, AnnouncedHeldBack, Announcement } from "../../invocation/insight/fleet.ts";

/** What runners say to each other. Each is the body of one message, as JSON. */
export type FleetMessage =
  /** A runner is new, or was cut off: the others say at once that they are there. */
  | { readonly kind: "hello"; readonly runner: Announcement; readonly replyTo: string }
  | { readonly kind: "here"; readonly runner: Announcement }
  /** Nothing has changed since the last "here". */
  | { readonly kind: "alive"; readonly id: string }
  | { readonly kind: "goodbye"; readonly id: string }
  | {
    readonly kind: "question";
    /** The runner that asks. */
    readonly id: string;
    /** Of the question; answers carry it. */
    readonly about: string;
    readonly replyTo: string;
    readonly question: string;
    readonly payload: unknown;
  }
  | {
    readonly kind: "news";
    /** The runner that tells it, and where it hears. */
    readonly id: string;
    readonly from: string;
    readonly topic: string;
    readonly value: unknown;
  }
  | {
    readonly kind: "answer";
    /** The runner that answers. */
    readonly id: string;
    readonly name: string;
    readonly about: string;
    readonly value: unknown;
    readonly leftOut?: number;
    /** Why there is no value. */
    readonly error?: string;
  };

/** Bytes. What is larger is not read. */
export const MOST_BYTES = 4 * 1024 * 1024;
/** Functions of one runner that are announced. */
export const MOST_FUNCTIONS = 5_000;
/** Delays of queues that are announced; of more, the fewest messages are left out. */
export const MOST_HELD_BACK = 1_000;
const MOST_TEXT = 1_024;
const MOST_DETAIL = 300;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

export function encodeMessage(message: FleetMessage): Uint8Array {
  return encoder.encode(JSON.stringify(message));
}

/** Undefined if it is not such a message: anybody can publish to the exchange. */
export function decodeMessage(body: Uint8Array): FleetMessage | undefined {
  if (body.length > MOST_BYTES) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(decoder.decode(body));
  } catch {
    return undefined;
  }
  return isRecord(value) ? messageIn(value) : undefined;
}

type Fields = Record<string, unknown>;

function messageIn(fields: Fields): FleetMessage | undefined {
  const { kind, id, name, about, replyTo, question, payload, value, leftOut, error, from, topic } = fields;
  switch (kind) {
    case "hello": {
      const runner = announcementIn(fields.runner);
      return runner && isText(replyTo) ? { kind, runner, replyTo } : undefined;
    }
    case "here": {
      const runner = announcementIn(fields.runner);
      return runner && { kind, runner };
    }
    case "alive":
    case "goodbye":
      return isText(id) ? { kind, id } : undefined;
    case "question":
      if (!isText(id) || !isText(about) || !isText(replyTo) || !isText(question)) return undefined;
      return { kind, id, about, replyTo, question, payload };
    case "news":
      return isText(id) && isText(from) && isText(topic) ? { kind, id, from, topic, value } : undefined;
    case "answer":
      if (!isText(id) || !isText(name) || !isText(about) || !isCountOrNone(leftOut) || !isTextOrNone(error)) {
        return undefined;
      }
      return { kind, id, name, about, value, leftOut, error };
  }
}

function announcementIn(given: unknown): Announcement | undefined {
  if (!isRecord(given)) return undefined;
  const { id, name, host, version, startedAt, functions, heldBack } = given;
  if (!isText(id) || !isText(name) || !isText(host) || !isText(version) || !isCount(startedAt)) return undefined;
  if (!Array.isArray(functions) || functions.length > MOST_FUNCTIONS || !functions.every(isFunction)) return undefined;
  if (heldBack !== undefined && !areHeldBack(heldBack)) return undefined;
  return {
    id,
    name,
    host,
    version,
    startedAt,
    functions: functions.map(functionIn),
    ...(heldBack && { heldBack: heldBack.map(({ queue, delay, count }) => ({ queue, delay, count })) }),
  };
}

function areHeldBack(given: unknown): given is AnnouncedHeldBack[] {
  return Array.isArray(given) && given.length <= MOST_HELD_BACK && given.every(isHeldBack);
}

function isHeldBack(given: unknown): boolean {
  return isRecord(given) && isText(given.queue) && isCount(given.delay) && isCount(given.count);
}

function isFunction(given: unknown): given is AnnouncedFunction {
  if (!isRecord(given)) return false;
  const { name, queue, version, state, detail, running, newest, perMinute, failedPerMinute } = given;
  return isText(name) && isText(state) && [queue, version, detail].every(isTextOrNone) &&
    [running, perMinute, failedPerMinute].every(isCount) && isCountOrNone(newest);
}

/** Nothing else that may be in it is kept. */
function functionIn(given: AnnouncedFunction): AnnouncedFunction {
  const { name, queue, version, state, detail, running, newest, perMinute, failedPerMinute } = given;
  return {
    name,
    ...(queue === undefined ? {} : { queue }),
    ...(version === undefined ? {} : { version }),
    state,
    ...(detail === undefined ? {} : { detail }),
    running,
    ...(newest === undefined ? {} : { newest }),
    perMinute,
    failedPerMinute,
  };
}

/** The text as it can be announced: thousands of functions with a reason each have room in a message. */
export function announcedText(text: string): string {
  return text.length > MOST_DETAIL ? `${text.slice(0, MOST_DETAIL - 1)}…` : text;
}

function isRecord(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "" && value.length <= MOST_TEXT;
}

function isTextOrNone(value: unknown): value is string | undefined {
  return value === undefined || (typeof value === "string" && value.length <= MOST_TEXT);
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && value >= 0;
}

function isCountOrNone(value: unknown): value is number | undefined {
  return value === undefined || isCount(value);
}
