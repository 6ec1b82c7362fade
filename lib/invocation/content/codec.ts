import type { MessageProperties } from "../../mod.ts";
import { describeError, WarrenError } from "../../base/errors.ts";
import { decompress, encodingsOf } from "./content_encoding.ts";
import { decodeForm } from "./form.ts";

/** Default limit of the decompressed size, in bytes. */
export const MAX_INFLATED = 16 * 1024 * 1024;

const strictText = new TextDecoder("utf-8", { fatal: true });
const utf8 = new TextEncoder();

export interface DecodeOptions {
  /** The message's headers. Celery names its compression there. @default none */
  headers?: Readonly<Record<string, unknown>>;
  /** Limit of the decompressed size, in bytes. @default 16 MiB */
  maxInflated?: number;
}

/**
 * Decodes the body of a message by its content type, after decompressing it by its content encoding. Returns a promise
 * only if it has to decompress.
 *
 * Without a content type, valid UTF-8 is text and everything else is bytes. An unknown content type gives bytes. An
 * unknown content encoding is an error.
 *
 * @throws {WarrenError} `undecodable` or `tooLarge`
 */
export function decodeBody(
  raw: Uint8Array,
  properties: MessageProperties,
  { headers, maxInflated = MAX_INFLATED }: DecodeOptions = {},
): unknown | Promise<unknown> {
  const { compressions, charset } = encodingsOf(properties, headers);
  if (compressions.length === 0) return decodeType(raw, properties.contentType, charset);
  return decompress(raw, compressions, maxInflated)
    .then((bytes) => decodeType(bytes, properties.contentType, charset));
}

function decodeType(bytes: Uint8Array, contentType: string | undefined, charset: string | undefined): unknown {
  if (!contentType) {
    try {
      return charset ? new TextDecoder(charset, { fatal: true }).decode(bytes) : strictText.decode(bytes);
    } catch {
      return bytes;
    }
  }
  const type = mediaType(contentType);
  const json = isJson(type);
  if (!json && !isText(type)) return bytes;
  const text = decodeText(bytes, contentType, charset);
  if (type === FORM) return decodeForm(text);
  if (!json) return text;
  try {
    return JSON.parse(text);
  } catch (cause) {
    // V8 quotes the text, including its line breaks.
    const why = describeError(cause).replaceAll(/\s+/g, " ");
    throw new WarrenError("undecodable", `the content type is JSON, but the body is not: ${why}`, { cause });
  }
}

const FORM = "application/x-www-form-urlencoded";
/** Media types besides `text/…` whose bodies are text. */
const TEXTS = new Set([
  FORM,
  "application/xml",
  "application/yaml",
  "application/x-yaml",
  "application/toml",
  "application/x-ndjson",
  "application/jsonl",
  "application/json-seq",
  "application/javascript",
  "application/graphql",
  "application/sql",
]);

function isText(type: string): boolean {
  return type.startsWith("text/") || TEXTS.has(type) || type.endsWith("+xml") || type.endsWith("+yaml");
}

/** A content type without its parameters, in lower case. */
export function mediaType(contentType: string): string {
  return contentType.split(";", 1)[0].trim().toLowerCase();
}

/** Whether bodies of this media type are JSON. */
export function isJson(type: string): boolean {
  return type === "application/json" || type.endsWith("+json");
}

function decodeText(bytes: Uint8Array, contentType: string, encoding: string | undefined): string {
  const charset = /;\s*charset="?([^";\s]+)/i.exec(contentType)?.[1] ?? encoding ?? "utf-8";
  const decoder = charset.toLowerCase() === "utf-8" ? strictText : decoderFor(charset, contentType);
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    throw new WarrenError("undecodable", `the body is not valid ${charset}: its content type is "${contentType}"`, {
      cause,
    });
  }
}

function decoderFor(charset: string, contentType: string): TextDecoder {
  try {
    return new TextDecoder(charset, { fatal: true });
  } catch (cause) {
    throw new WarrenError("undecodable", `unknown charset ${charset} in the content type "${contentType}"`, { cause });
  }
}

/** Encodes a value as bytes, with the content type for them. */
export function encodeBody(value: unknown): { body: Uint8Array; contentType: string | undefined } {
  if (value instanceof Uint8Array) return { body: value, contentType: undefined };
  if (value instanceof ArrayBuffer) return { body: new Uint8Array(value), contentType: undefined };
  if (typeof value === "string") return { body: utf8.encode(value), contentType: "text/plain; charset=utf-8" };
  const json = JSON.stringify(value);
  if (json === undefined) throw new TypeError(`cannot publish ${typeof value}: it has no form in JSON`);
  return { body: utf8.encode(json), contentType: "application/json" };
}
