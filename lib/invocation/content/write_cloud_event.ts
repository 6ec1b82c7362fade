import { describeError } from "../../base/errors.ts";
import type { EventOptions } from "../../mod.ts";
import { STRUCTURED } from "./cloud_event.ts";
import { encodeBody, isJson, mediaType } from "./codec.ts";
import { type AttributeValue, canonical, isPlain, PREFIX, writingProblems } from "./event_attributes.ts";
import type { Result } from "../outcome.ts";
import { childTrace, readTrace } from "../trace_context.ts";

/** The data of an event, as bytes; `form` is what they were before. */
export interface EventData extends Result {
  readonly form: "none" | "json" | "text" | "bytes";
}

/** What an event has where its publisher does not say. */
export interface EventDefaults {
  readonly id: string;
  /** The name of the function. */
  readonly name: string;
  /** The headers of the message that gave rise to it. */
  readonly headers: Readonly<Record<string, unknown>>;
}

/** An event as a message. */
export interface WrittenEvent extends Result {
  /** Of the event: its message may have the same. */
  readonly id: string;
  /** Its attributes, in binary mode, and the trace that it is part of. */
  readonly headers: Record<string, unknown>;
}

type Attributes = Record<string, AttributeValue>;

const EMPTY = new Uint8Array(0);
const strictText = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/**
 * A value as the data of an event: bytes as they are, JSON where the content type is JSON's or nothing else fits, and a
 * string as text. `undefined` is no data.
 *
 * @throws {TypeError} for what has no such form
 */
export function eventData(value: unknown, contentType?: string): EventData {
  if (value === undefined) return { form: "none", body: EMPTY, contentType: undefined };
  const bytes = value instanceof Uint8Array || value instanceof ArrayBuffer;
  if (bytes) return { form: "bytes", body: encodeBody(value).body, contentType: contentType ?? OCTETS };
  const json = contentType === undefined ? typeof value !== "string" : isJson(mediaType(contentType));
  if (!json && typeof value !== "string") {
    throw new TypeError(`data of the content type "${contentType}" is a string or bytes, and not ${typeof value}`);
  }
  if (!json) {
    const { body, contentType: text } = encodeBody(value);
    return { form: "text", body, contentType: contentType ?? text };
  }
  const text: string | undefined = JSON.stringify(value);
  if (text === undefined) throw new TypeError(`cannot publish ${typeof value}: JSON has no such value`);
  return { form: "json", body: encoder.encode(text), contentType: contentType ?? "application/json" };
}

const OCTETS = "application/octet-stream";

/** What a handler returned as the data of an event. */
export function resultData({ body, contentType }: Result): EventData {
  if (contentType === undefined) return { form: "bytes", body, contentType: OCTETS };
  return { form: isJson(mediaType(contentType)) ? "json" : "text", body, contentType };
}

/**
 * An event as a message.
 *
 * @throws {TypeError} with all that is wrong in what the publisher gave, or for data that is not what its form says
 */
export function writeCloudEvent(given: EventOptions, data: EventData, defaults: EventDefaults): WrittenEvent {
  const { mode = "binary", specversion = "1.0", datacontenttype: _, ...own } = given;
  const trace = traceOf(defaults.headers);
  const problems = mode === "binary" || mode === "structured" ? [] : [`mode is ${Deno.inspect(mode)}: ${MODES}`];
  const attributes: Record<string, unknown> = { specversion, id: defaults.id, source: sourceOf(defaults.name) };
  for (const [name, value] of Object.entries({ time: new Date(), ...trace, ...own })) {
    const attribute = canonical(value);
    if (attribute !== undefined) attributes[name] = attribute;
  }
  if (attributes.type === undefined) problems.push("type is missing");
  problems.push(...writingProblems(attributes));
  if (problems.length > 0) throw new TypeError(`the event cannot be written: ${problems.join("; ")}`);
  const write = mode === "binary" ? binary : structured;
  const { headers, ...message } = write(attributes as Attributes, data);
  return { ...message, headers: { ...trace, ...headers }, id: attributes.id as string };
}

/** Characters: they travel in headers, which have to fit into a frame. */
const MAX_CONFIG = 8_192;
const MODES = 'expected "binary" or "structured"';

/** What is wrong with the attributes of all results, which `config` has. */
export function outputEventProblems(given: Readonly<Record<string, unknown>>): string[] {
  const { mode = "binary", ...attributes } = given;
  const problems = writingProblems(attributes);
  if (mode !== "binary" && mode !== "structured") problems.push(`mode is ${Deno.inspect(mode)}: ${MODES}`);
  if (attributes.type === undefined) problems.push("type is missing");
  const size = JSON.stringify(given).length;
  if (size > MAX_CONFIG) problems.push(`the attributes have ${size} characters: expected at most ${MAX_CONFIG}`);
  for (const name of ["id", "time", "datacontenttype", "specversion"].filter((name) => Object.hasOwn(given, name))) {
    problems.push(`${name} is not for config: each event has its own`);
  }
  return problems;
}

function binary(attributes: Attributes, { body, contentType }: EventData): Omit<WrittenEvent, "id"> {
  const headers = Object.entries(attributes).map(([name, value]) => [
    PREFIX + name,
    // The binding says that integers are long.
    typeof value === "number" ? BigInt(value) : value,
  ]);
  return { body, contentType, headers: Object.fromEntries(headers) };
}

function structured(attributes: Attributes, data: EventData): Omit<WrittenEvent, "id"> {
  const { contentType: datacontenttype } = data;
  const whole = JSON.stringify({ ...attributes, ...(datacontenttype ? { datacontenttype } : {}) });
  const body = encoder.encode(`${whole.slice(0, -1)}${dataMember(data)}}`);
  return { body, contentType: `${STRUCTURED}; charset=utf-8`, headers: {} };
}

/** With the comma before it. */
function dataMember({ form, body }: EventData): string {
  if (form === "none") return "";
  if (form === "bytes") return `,"data_base64":"${body.toBase64()}"`;
  try {
    const text = strictText.decode(body);
    if (form === "text") return `,"data":${JSON.stringify(text)}`;
    // Whoever can put in what is no JSON can put in attributes.
    JSON.parse(text);
    return `,"data":${text}`;
  } catch (cause) {
    throw new TypeError(`the data of the event is no ${form}: ${describeError(cause)}`, { cause });
  }
}

function sourceOf(name: string): string {
  return `/functions/${encodeURIComponent(name)}`;
}

/** The extension for distributed tracing. */
function traceOf(headers: Readonly<Record<string, unknown>>): Record<string, string> {
  const trace = readTrace(headers);
  return trace ? Object.fromEntries(Object.entries(childTrace(trace)).filter(([, text]) => text && isPlain(text))) : {};
}
