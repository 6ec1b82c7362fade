import type { MessageProperties } from "../../mod.ts";
import { describeError, WarrenError } from "../../base/errors.ts";
import { decompress, encodingsOf } from "./content_encoding.ts";
import { decodeForm } from "./form.ts";

/** No body inflates past this many bytes unless the caller says otherwise. */
export const MAX_INFLATED = 16 * 1024 * 1024;

const strictText = new TextDecoder("utf-8", { fatal: true });
const utf8 = new TextEncoder();

export interface DecodeOptions {
  /** The message's headers, where Celery names its compression. @default none */
  headers?: Readonly<Record<string, unknown>>;
  /** The bound on the inflated size, in bytes. @default 16 MiB */
  maxInflated?: number;
}

/**
 * The body of a message as a value: what its content type says, after undoing
 * what its content encoding says. Synchronous unless it has to inflate.
 *
 * Without a content type it is text when the bytes are valid UTF-8, else bytes.
 * An unknown content type is bytes, an unknown content encoding is an error.
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
    // V8 quotes the text, with the line breaks in it.
    const why = describeError(cause).replaceAll(/\s+/g, " ");
    throw new WarrenError("undecodable", `the body is not the JSON its content type says: ${why}`, { cause });
  }
}

const FORM = "application/x-www-form-urlencoded";
/** Media types other than `text/…` whose bodies are text. */
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

/** A content type without its parameters, in small letters. */
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

/** A value as bytes and the content type that says how to read them. */
export function encodeBody(value: unknown): { body: Uint8Array; contentType: string | undefined } {
  if (value instanceof Uint8Array) return { body: value, contentType: undefined };
  if (value instanceof ArrayBuffer) return { body: new Uint8Array(value), contentType: undefined };
  if (typeof value === "string") return { body: utf8.encode(value), contentType: "text/plain; charset=utf-8" };
  const json = JSON.stringify(value);
  if (json === undefined) throw new TypeError(`cannot publish ${typeof value}: JSON has no such value`);
  return { body: utf8.encode(json), contentType: "application/json" };
}
