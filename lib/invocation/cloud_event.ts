import { WarrenError } from "../errors.ts";
import type { CloudEvent } from "../mod.ts";
import { decodeBody, isJson, mediaType } from "./codec.ts";
import { attributeProblems, canonical, missingAttributes, OLD_PREFIX, PREFIX } from "./event_attributes.ts";
import type { Content } from "./sandbox.ts";

/*
 * CloudEvents 1.0.2 and its protocol binding for AMQP, as far as AMQP 0-9-1 goes: application properties are headers.
 * Reading is generous with the syntax of values, writing (write_cloud_event.ts) is not.
 */

/** What the media types of all event formats begin with. */
const FORMATS = "application/cloudevents";
export const STRUCTURED = "application/cloudevents+json";

/** An event, read. */
export interface ReadEvent {
  readonly event: CloudEvent;
  /** Its data; undefined where it has none. */
  readonly body: unknown;
}

/**
 * The event that a message is, in either mode: structured where the content type says so, else binary.
 *
 * @throws {WarrenError} `undecodable` for what is no event, with all that is wrong or missing; `tooLarge`
 */
export async function readCloudEvent({ body, properties, headers }: Content): Promise<ReadEvent> {
  const type = mediaType(properties.contentType ?? "");
  if (type === STRUCTURED) return readStructured(await decodeBody(body, properties));
  if (type.startsWith(FORMATS)) {
    throw noEvent(`its content type is "${type}": of the event formats only ${STRUCTURED} is read`);
  }
  const event = toEvent(binaryAttributes(headers, properties.contentType));
  // No bytes are no JSON, and the type of what is not there says nothing.
  if (body.length === 0 && (type === "" || isJson(type))) return { event, body: undefined };
  return { event, body: await decodeBody(body, properties) };
}

function binaryAttributes(headers: Readonly<Record<string, unknown>>, contentType: string | undefined) {
  const attributes: Record<string, unknown> = {};
  for (const prefix of [OLD_PREFIX, PREFIX]) {
    for (const [name, value] of Object.entries(headers)) {
      if (name.startsWith(prefix)) define(attributes, name.slice(prefix.length), canonical(value));
    }
  }
  if (contentType) attributes.datacontenttype = contentType;
  return attributes;
}

async function readStructured(value: unknown): Promise<ReadEvent> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw noEvent("its body is no JSON object");
  const { data, data_base64: base64, ...rest } = value as Record<string, unknown>;
  const attributes: Record<string, unknown> = {};
  for (const [name, attribute] of Object.entries(rest)) define(attributes, name, canonical(attribute));
  if (base64 === undefined || base64 === null) {
    // Without a type the data is JSON: said here, it is not lost when the event is passed on.
    if (data !== undefined) attributes.datacontenttype ??= "application/json";
    return { event: toEvent(attributes), body: data };
  }
  if (data !== undefined) throw noEvent("it has data and data_base64");
  const bytes = fromBase64(base64);
  const event = toEvent(attributes);
  const { datacontenttype } = event;
  return { event, body: datacontenttype ? await decodeBody(bytes, { contentType: datacontenttype }) : bytes };
}

function fromBase64(text: unknown): Uint8Array {
  try {
    return Uint8Array.fromBase64(text as string);
  } catch {
    throw noEvent("its data_base64 is no text in Base64");
  }
}

/** Defined and not assigned: "__proto__" is a name as any other, and a wrong one. */
function define(attributes: Record<string, unknown>, name: string, value: unknown): void {
  if (value === undefined) return;
  Object.defineProperty(attributes, name, { value, enumerable: true, configurable: true, writable: true });
}

function toEvent(attributes: Record<string, unknown>): CloudEvent {
  const missing = missingAttributes(attributes);
  const problems = attributeProblems(attributes);
  if (missing.length > 0) problems.unshift(`${missing.join(", ")} ${missing.length > 1 ? "are" : "is"} missing`);
  if (problems.length > 0) throw noEvent(problems.join("; "));
  return attributes as unknown as CloudEvent;
}

function noEvent(why: string): WarrenError {
  return new WarrenError("undecodable", `the message is no CloudEvent: ${why}`);
}
