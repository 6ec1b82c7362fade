import type { Transform } from "node:stream";
import {
  brotliDecompressSync,
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createInflateRaw,
  createZstdDecompress,
  inflateRawSync,
  unzipSync,
  zstdDecompressSync,
} from "node:zlib";
import { joinBytes } from "../../base/bytes.ts";
import { describeError, WarrenError } from "../../base/errors.ts";
import type { MessageProperties } from "../../mod.ts";
import { isWholeBrotli, isWholeZstd } from "./whole.ts";

/** Encodings that mean no compression. Celery marks pickles as "binary" and texts as "utf-8". */
const IDENTITY = ["identity", "binary", "8bit", "7bit", "us-ascii", "ascii", "utf-8", "utf8"];

/** Creates the decompressor for these bytes. */
type Create = (raw: Uint8Array) => Transform;

const inflater: Create = (raw) => (raw[0] & 0x0f) === 8 ? createInflate() : createInflateRaw();
const COMPRESSIONS = new Map<string, Create>([
  // Celery uses zlib's format under this name, in its header.
  ["gzip", (raw) => raw[0] === 0x78 ? createInflate() : createGunzip()],
  ["x-gzip", (raw) => raw[0] === 0x78 ? createInflate() : createGunzip()],
  // "deflate" is zlib by RFC 9110, but some senders mean raw deflate. The first byte tells which.
  ["deflate", inflater],
  ["br", () => createBrotliDecompress()],
  ["zstd", () => createZstdDecompress()],
]);

/** The supported compressions. */
export const CONTENT_ENCODINGS: readonly string[] = [...COMPRESSIONS.keys()];

/** The header in which Celery and kombu name a compression that was applied last. */
const COMPRESSION = "compression";
const CELERY: Record<string, string> = {
  "application/x-gzip": "gzip",
  "application/x-brotli": "br",
  "application/zstd": "zstd",
  "application/x-bz2": "bzip2",
  "application/x-lzma": "xz",
};

/** How a body was encoded. */
export interface Encodings {
  /** In the order of decompression. */
  readonly compressions: readonly string[];
  /** The character set, if the content encoding names one. */
  readonly charset: string | undefined;
}

const NONE: Encodings = { compressions: [], charset: undefined };

/**
 * Reads from a message how its body was encoded.
 *
 * @throws {WarrenError} `undecodable` for an unknown encoding
 */
export function encodingsOf(
  { contentEncoding }: MessageProperties,
  headers: Readonly<Record<string, unknown>> | undefined,
): Encodings {
  const named = contentEncoding === undefined ? NONE : read.get(contentEncoding) ?? readEncodings(contentEncoding);
  const header = headers?.[COMPRESSION];
  const celery = header === undefined ? undefined : celeryCompression(header);
  return celery === undefined ? named : { ...named, compressions: [celery, ...named.compressions] };
}

/** A cache, since most senders use one encoding. */
const read = new Map<string, Encodings>();
const MAX_READ = 100;

function readEncodings(contentEncoding: string): Encodings {
  const compressions: string[] = [];
  let charset: string | undefined;
  for (const name of namesIn(contentEncoding)) {
    if (IDENTITY.includes(name)) continue;
    if (COMPRESSIONS.has(name)) compressions.push(name);
    else if (isCharset(name)) charset ??= name;
    else throw unsupported(`content encoding "${name}"`);
  }
  const encodings = { compressions, charset };
  if (read.size < MAX_READ) read.set(contentEncoding, encodings);
  return encodings;
}

/** Whether the header is Celery's compression header, which becomes wrong if the body is replaced. */
export function isCompressionHeader(name: string, value: unknown): boolean {
  return name === COMPRESSION && typeof value === "string" && Object.hasOwn(CELERY, value);
}

function celeryCompression(header: unknown): string | undefined {
  if (!isCompressionHeader(COMPRESSION, header)) return undefined;
  const name = CELERY[header as string];
  if (!COMPRESSIONS.has(name)) throw unsupported(`compression "${header}", which the header "${COMPRESSION}" names,`);
  return name;
}

/**
 * The content encodings, the last one applied first. Commas separate them in the order of encoding (RFC 9110). Colons
 * separate them in the opposite order, as in Spring's `gzip:UTF-8`.
 */
function namesIn(contentEncoding: string): string[] {
  const names = contentEncoding.toLowerCase().split(",").reverse().flatMap((part) => part.split(":"));
  return names.map((name) => name.trim()).filter((name) => name !== "");
}

function isCharset(name: string): boolean {
  try {
    new TextDecoder(name);
    return true;
  } catch {
    return false;
  }
}

function unsupported(what: string): WarrenError {
  const expected = `expected ${CONTENT_ENCODINGS.join(", ")}, identity or a character set`;
  return new WarrenError(
    "undecodable",
    `${what} is not supported: ${expected}; with \`body: "raw"\` in its config the function gets the bytes`,
  );
}

/** Decompresses in turn. No step may produce more than `limit` bytes. */
export async function decompress(raw: Uint8Array, names: readonly string[], limit: number): Promise<Uint8Array> {
  let bytes = raw;
  for (const name of names) {
    const decompressed = await decompressOnce(bytes, name, limit);
    if (!await isWhole(bytes, name)) throw not(name, "unexpected end");
    bytes = decompressed;
  }
  return bytes;
}

/**
 * Decompresses in turn, at once. For the few places that cannot wait.
 *
 * @throws {WarrenError} `undecodable`, also where a step would produce more than `limit` bytes
 */
export function decompressSync(raw: Uint8Array, names: readonly string[], limit: number): Uint8Array {
  return names.reduce<Uint8Array>((bytes, name) => {
    try {
      return inflateSync(bytes, name, limit);
    } catch (cause) {
      throw not(name, describeError(cause));
    }
  }, raw);
}

function inflateSync(bytes: Uint8Array, name: string, maxOutputLength: number): Uint8Array {
  if (name === "br") return brotliDecompressSync(bytes, { maxOutputLength });
  if (name === "zstd") return zstdDecompressSync(bytes, { maxOutputLength });
  const raw = name === "deflate" && (bytes[0] & 0x0f) !== 8;
  return (raw ? inflateRawSync : unzipSync)(bytes, { maxOutputLength });
}

async function isWhole(bytes: Uint8Array, name: string): Promise<boolean> {
  return name === "br" ? await isWholeBrotli(bytes) : name !== "zstd" || isWholeZstd(bytes);
}

function not(name: string, why: string): WarrenError {
  return new WarrenError("undecodable", `the content encoding says ${name}, but the body is not: ${why}`);
}

function decompressOnce(raw: Uint8Array, name: string, limit: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const stream = COMPRESSIONS.get(name)!(raw);
    const chunks: Uint8Array[] = [];
    let size = 0;
    stream.on("data", (chunk: Uint8Array) => {
      size += chunk.length;
      if (size > limit) {
        stream.destroy();
        return reject(new WarrenError("tooLarge", `the body decompresses to more than ${limit} bytes`));
      }
      chunks.push(chunk);
    });
    stream.on("end", () => resolve(joinBytes(chunks, size)));
    stream.on("error", (cause: unknown) => reject(not(name, describeError(cause))));
    stream.end(raw);
  });
}
