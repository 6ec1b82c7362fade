import { createGunzip, createInflate, createInflateRaw } from "node:zlib";
import { joinBytes } from "../bytes.ts";
import type { MessageProperties } from "../mod.ts";
import { describeError, WarrenError } from "../errors.ts";

/** No body inflates past this many bytes unless the caller says otherwise. */
export const MAX_INFLATED = 16 * 1024 * 1024;

const strictText = new TextDecoder("utf-8", { fatal: true });
const utf8 = new TextEncoder();

export interface DecodeOptions {
  /** The bound on the inflated size, in bytes. @default 16 MiB */
  maxInflated?: number;
}

/**
 * The body of a message as a value: what its content type says, after inflating
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
  options: DecodeOptions = {},
): unknown | Promise<unknown> {
  const encoding = properties.contentEncoding?.trim().toLowerCase();
  // Some clients set a character set where HTTP has an encoding: Celery and kombu say "utf-8".
  if (!encoding || encoding === "identity" || encoding === "utf-8" || encoding === "utf8") {
    return decodeType(raw, properties.contentType);
  }
  return inflate(raw, encoding, options.maxInflated ?? MAX_INFLATED)
    .then((bytes) => decodeType(bytes, properties.contentType));
}

function decodeType(bytes: Uint8Array, contentType: string | undefined): unknown {
  if (!contentType) {
    try {
      return strictText.decode(bytes);
    } catch {
      return bytes;
    }
  }
  const type = mediaType(contentType);
  const json = isJson(type);
  if (!json && !type.startsWith("text/")) return bytes;
  const text = decodeText(bytes, contentType);
  if (!json) return text;
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new WarrenError("undecodable", `the body is not the JSON its content type says: ${describeError(cause)}`, {
      cause,
    });
  }
}

/** A content type without its parameters, in small letters. */
export function mediaType(contentType: string): string {
  return contentType.split(";", 1)[0].trim().toLowerCase();
}

/** Whether bodies of this media type are JSON. */
export function isJson(type: string): boolean {
  return type === "application/json" || type.endsWith("+json");
}

function decodeText(bytes: Uint8Array, contentType: string): string {
  const charset = /;\s*charset="?([^";\s]+)/i.exec(contentType)?.[1] ?? "utf-8";
  try {
    return charset.toLowerCase() === "utf-8"
      ? strictText.decode(bytes)
      : new TextDecoder(charset, { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new WarrenError(
      "undecodable",
      `the body is not valid ${charset}, which its content type "${contentType}" says`,
      {
        cause,
      },
    );
  }
}

function inflate(raw: Uint8Array, encoding: string, limit: number): Promise<Uint8Array> {
  const create = encoding === "gzip" || encoding === "x-gzip"
    ? createGunzip
    // "deflate" is zlib by RFC 9110, and raw deflate from some senders; the first byte tells.
    : encoding === "deflate"
    ? (raw[0] & 0x0f) === 8 ? createInflate : createInflateRaw
    : undefined;
  if (!create) {
    return Promise.reject(
      new WarrenError("undecodable", `content encoding "${encoding}" is not supported: gzip, deflate or identity is`),
    );
  }
  return new Promise((resolve, reject) => {
    const stream = create();
    const chunks: Uint8Array[] = [];
    let size = 0;
    stream.on("data", (chunk: Uint8Array) => {
      size += chunk.length;
      if (size > limit) {
        stream.destroy();
        return reject(new WarrenError("tooLarge", `the body inflates to more than ${limit} bytes`));
      }
      chunks.push(chunk);
    });
    stream.on("end", () => resolve(joinBytes(chunks, size)));
    stream.on("error", (cause: Error) =>
      reject(
        new WarrenError("undecodable", `the body is not the ${encoding} its content encoding says: ${cause.message}`, {
          cause,
        }),
      ));
    stream.end(raw);
  });
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
