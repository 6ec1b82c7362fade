import { describeError } from "../../base/errors.ts";
import type { EventOptions } from "../../mod.ts";
import { STRUCTURED } from "./cloud_event.ts";
import { encodeBody, isJson, mediaType } from "./codec.ts";
import { type AttributeValue, canonical, isPlain, PREFIX, writingProblems } from "./event_attributes.ts";
import type { Result } from "../outcome.ts";
import { childTrace, readTrace } from "../trace_context.ts";

/** The data of an event as bytes. `form` is the kind of the original value. */
export interface EventData extends Result {
  readonly form: "none" | "json" | "text" | "bytes";
}

/** Defaults for an event's attributes. */
export interface EventDefaults {
  readonly id: string;
  /** The function's name. */
  readonly name: string;
  /** The headers of the message that the function handled. */
  readonly headers: Readonly<Record<string, unknown>>;
}

/** An event as a message. */
export interface WrittenEvent extends Result {
  /** The event's id, which the message may use too. */
  readonly id: string;
  /** The attributes, in binary mode, and the trace context. */
  readonly headers: Record<string, unknown>;
}

type Attributes = Record<string, AttributeValue>;

const EMPTY = new Uint8Array(0);
const strictText = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/**
 * Encodes a value as the data of an event. Bytes are kept, strings become text, and other values become JSON, as does
 * everything with a JSON content type. `undefined` means no data.
 *
 * @throws {TypeError} for a value that cannot be encoded
 */
export function eventData(value: unknown, contentType?: string): EventData {
  if (value === undefined) return { form: "none", body: EMPTY, contentType: undefined };
  const bytes = value instanceof Uint8Array || value instanceof ArrayBuffer;
  if (bytes) return { form: "bytes", body: encodeBody(value).body, contentType: contentType ?? OCTETS };
  const json = contentType === undefined ? typeof value !== "string" : isJson(mediaType(contentType));
  if (!json && typeof value !== "string") {
    throw new TypeError(`data of the content type "${contentType}" must be a string or bytes, found ${typeof value}`);
  }
  if (!json) {
    const { body, contentType: text } = encodeBody(value);
    return { form: "text", body, contentType: contentType ?? text };
  }
  const text: string | undefined = JSON.stringify(value);
  if (text === undefined) throw new TypeError(`cannot publish ${typeof value}: it has no form in JSON`);
  return { form: "json", body: encoder.encode(text), contentType: contentType ?? "application/json" };
}

const OCTETS = "application/octet-stream";

/** Encodes a handler's result as the data of an event. */
export function resultData({ body, contentType }: Result): EventData {
  if (contentType === undefined) return { form: "bytes", body, contentType: OCTETS };
  return { form: isJson(mediaType(contentType)) ? "json" : "text", body, contentType };
}

/**
 * Writes an event as a message.
 *
 * @throws {TypeError} with everything that is wrong with the attributes, or if the data does not match its content type
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

/** Characters. Attributes travel in headers, which must fit into a frame. */
const MAX_CONFIG = 8_192;
const MODES = 'expected "binary" or "structured"';

/** Problems of the attributes in `config.output.event`, which apply to all results. */
export function outputEventProblems(given: Readonly<Record<string, unknown>>): string[] {
  const { mode = "binary", ...attributes } = given;
  const problems = writingProblems(attributes);
  if (mode !== "binary" && mode !== "structured") problems.push(`mode is ${Deno.inspect(mode)}: ${MODES}`);
  if (attributes.type === undefined) problems.push("type is missing");
  const size = JSON.stringify(given).length;
  if (size > MAX_CONFIG) problems.push(`the attributes have ${size} characters: expected at most ${MAX_CONFIG}`);
  for (const name of ["id", "time", "datacontenttype", "specversion"].filter((name) => Object.hasOwn(given, name))) {
    problems.push(`${name} cannot be set in config: each event has its own`);
  }
  return problems;
}

function binary(attributes: Attributes, { body, contentType }: EventData): Omit<WrittenEvent, "id"> {
  const headers = Object.entries(attributes).map(([name, value]) => [
    PREFIX + name,
    // The binding encodes integers as 64-bit.
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

/** The data member with its leading comma. */
function dataMember({ form, body }: EventData): string {
  if (form === "none") return "";
  if (form === "bytes") return `,"data_base64":"${body.toBase64()}"`;
  try {
    const text = strictText.decode(body);
    if (form === "text") return `,"data":${JSON.stringify(text)}`;
    // Invalid JSON could inject attributes.
    JSON.parse(text);
    return `,"data":${text}`;
  } catch (cause) {
    throw new TypeError(`the data of the event is not ${form}: ${describeError(cause)}`, { cause });
  }
}

function sourceOf(name: string): string {
  return `/functions/${encodeURIComponent(name)}`;
}

/** The attributes of the distributed tracing extension. */
function traceOf(headers: Readonly<Record<string, unknown>>): Record<string, string> {
  const trace = readTrace(headers);
  return trace ? Object.fromEntries(Object.entries(childTrace(trace)).filter(([, text]) => text && isPlain(text))) : {};
}
