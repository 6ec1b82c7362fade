import { WarrenError } from "../../base/errors.ts";
import type { CloudEvent } from "../../mod.ts";
import { decodeBody, isJson, mediaType } from "./codec.ts";
import {
  attributeProblems,
  canonical,
  FOREIGN_PREFIXES,
  missingAttributes,
  OLD_PREFIX,
  OPTIONAL,
  PREFIX,
  REQUIRED,
} from "./event_attributes.ts";
import type { Content } from "../sandbox.ts";

/*
 * CloudEvents 1.0.2 with its AMQP binding, as far as AMQP 0-9-1 allows: application properties are headers. Reading is
 * tolerant of wrong value syntax, writing (write_cloud_event.ts) is not.
 */

/** The prefix of the media types of all event formats. */
const FORMATS = "application/cloudevents";
export const STRUCTURED = "application/cloudevents+json";

/** A parsed event. */
export interface ReadEvent {
  readonly event: CloudEvent;
  /** The event's data. Undefined if it has none. */
  readonly body: unknown;
}

/** Content types that some senders, Dapr among them, give to structured events. */
const GENERAL = ["", "text/plain", "application/json", "application/octet-stream"];

/**
 * Parses a message as an event, in either mode. It is structured if the content type says so, or if the headers have no
 * attributes and the body is an event in JSON. Otherwise it is binary.
 *
 * @throws {WarrenError} `undecodable` if it is no event, with everything that is wrong or missing; `tooLarge`
 */
export async function readCloudEvent({ body, properties, headers }: Content): Promise<ReadEvent> {
  const type = mediaType(properties.contentType ?? "");
  if (type === STRUCTURED) return readStructured(await decodeBody(body, properties, { headers }));
  if (type.startsWith(FORMATS)) {
    throw noEvent(`its content type is "${type}": the only event format that is supported is ${STRUCTURED}`);
  }
  const attributes = binaryAttributes(headers);
  if (Object.keys(attributes).length === 0) return readStructured(await unnamedEvent({ body, properties, headers }));
  // Knative puts it among the headers only.
  const contentType = properties.contentType || textOf(headers["content-type"]);
  if (contentType) attributes.datacontenttype = contentType;
  const event = toEvent(attributes);
  // An empty body is no JSON, and its content type is meaningless.
  const dataType = mediaType(contentType ?? "");
  if (body.length === 0 && (dataType === "" || isJson(dataType))) return { event, body: undefined };
  return { event, body: await decodeBody(body, { ...properties, contentType }, { headers }) };
}

function binaryAttributes(headers: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const own = attributesWith([OLD_PREFIX, PREFIX], headers);
  if (Object.keys(own).length > 0) return own;
  const foreign = attributesWith(FOREIGN_PREFIXES, headers);
  // Knative writes unset attributes as empty texts.
  for (const name of OPTIONAL) if (foreign[name] === "") delete foreign[name];
  return foreign;
}

function attributesWith(prefixes: string[], headers: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const attributes: Record<string, unknown> = {};
  for (const prefix of prefixes) {
    for (const [name, value] of Object.entries(headers)) {
      if (name.startsWith(prefix)) define(attributes, name.slice(prefix.length), canonical(value));
    }
  }
  return attributes;
}

/** Parses the body as an event although the content type does not say that it is one. */
async function unnamedEvent({ body, properties, headers }: Content): Promise<unknown> {
  const { contentType = "" } = properties;
  const none = (why: string) =>
    noEvent(`${why}; its headers have no attributes, and its content type is ${JSON.stringify(contentType)}`);
  const type = mediaType(contentType);
  if (!GENERAL.includes(type)) throw none("bodies of this content type are not parsed as events");
  let value: unknown;
  try {
    const json = { ...properties, contentType: contentType.replace(/^[^;]*/, "application/json") };
    value = await decodeBody(body, json, { headers });
  } catch (error) {
    if (error instanceof WarrenError && error.code === "tooLarge") throw error;
    throw none("its body is not JSON");
  }
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  if (isObject && Object.hasOwn(value as object, "specversion")) return value;
  throw none(`${[...REQUIRED, "specversion"].join(", ")} are missing`);
}

function textOf(header: unknown): string | undefined {
  return typeof header === "string" ? header : undefined;
}

async function readStructured(value: unknown): Promise<ReadEvent> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw noEvent("its body is not a JSON object");
  }
  const { data, data_base64: base64, ...rest } = value as Record<string, unknown>;
  const attributes: Record<string, unknown> = {};
  for (const [name, attribute] of Object.entries(rest)) define(attributes, name, canonical(attribute));
  if (base64 === undefined || base64 === null) {
    // Without a content type the data is JSON. It is set here so that it is kept when the event is passed on.
    if (data !== undefined) attributes.datacontenttype ??= "application/json";
    return { event: toEvent(attributes), body: data };
  }
  if (data !== undefined) throw noEvent("it has both data and data_base64");
  const bytes = fromBase64(base64);
  const event = toEvent(attributes);
  const { datacontenttype } = event;
  return { event, body: datacontenttype ? await decodeBody(bytes, { contentType: datacontenttype }) : bytes };
}

function fromBase64(text: unknown): Uint8Array {
  try {
    return Uint8Array.fromBase64(text as string);
  } catch {
    throw noEvent("its data_base64 is not Base64");
  }
}

/** Defined, not assigned: "__proto__" is a key like any other, and an invalid one. */
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
  return new WarrenError("undecodable", `the message is not a CloudEvent: ${why}`);
}
