import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import { WarrenError } from "../../../lib/base/errors.ts";
import { decodeBody, encodeBody } from "../../../lib/invocation/content/codec.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const NOT_UTF8 = new Uint8Array([0xff, 0xfe, 0x00]);

function undecodable(error: unknown): void {
  assert(error instanceof WarrenError);
  assertEquals(error.code, "undecodable");
}

Deno.test("JSON is parsed, with or without parameters and in any case", () => {
  for (const contentType of ["application/json", "application/json; charset=utf-8", "Application/JSON"]) {
    assertEquals(decodeBody(bytes('{"a":[1,"é"]}'), { contentType }), { a: [1, "é"] });
  }
});

Deno.test("a type that ends with +json is JSON", () => {
  assertEquals(decodeBody(bytes("[1]"), { contentType: "application/cloudevents+json" }), [1]);
});

Deno.test("text is read in its character set", () => {
  assertEquals(decodeBody(new Uint8Array([0xe9]), { contentType: "text/plain; charset=iso-8859-1" }), "é");
  assertEquals(decodeBody(new Uint8Array([0xe9]), { contentType: 'text/csv; charset="iso-8859-1"' }), "é");
  assertEquals(decodeBody(bytes("é"), { contentType: "text/plain" }), "é");
});

Deno.test("without a content type valid UTF-8 is text and everything else is bytes", () => {
  assertEquals(decodeBody(bytes("{}"), {}), "{}");
  assertEquals(decodeBody(NOT_UTF8, {}), NOT_UTF8);
});

Deno.test("an unknown content type is bytes", () => {
  assertEquals(decodeBody(bytes("x"), { contentType: "application/octet-stream" }), bytes("x"));
});

Deno.test("gzip, deflate with and without the zlib header, Brotli and Zstandard are inflated", async () => {
  const json = bytes(JSON.stringify({ text: "again ".repeat(1_000) }));
  const encoded: [string, Uint8Array][] = [
    ["gzip", gzipSync(json)],
    ["x-gzip", gzipSync(json)],
    [" GZIP ", gzipSync(json)],
    ["deflate", deflateSync(json)],
    ["deflate", deflateRawSync(json)],
    ["br", brotliCompressSync(json)],
    ["zstd", zstdCompressSync(json)],
  ];
  for (const [contentEncoding, raw] of encoded) {
    const value = await decodeBody(raw, { contentEncoding, contentType: "application/json" });
    assertEquals(value, { text: "again ".repeat(1_000) }, contentEncoding);
  }
});

Deno.test("what inflates past the limit is too large, and what just fits is not", async () => {
  const bomb = gzipSync(new Uint8Array(4 * 1024 * 1024));
  const error = await assertRejects(
    async () => await decodeBody(bomb, { contentEncoding: "gzip" }, { maxInflated: 65_536 }),
    WarrenError,
  );
  assertEquals(error.code, "tooLarge");
  const fits = await decodeBody(gzipSync(bytes("abc")), { contentEncoding: "gzip" }, { maxInflated: 3 });
  assertEquals(fits, "abc");
});

Deno.test("JSON that is none, text that is none and an unknown character set are undecodable", () => {
  undecodable(assertThrows(() => decodeBody(bytes("{"), { contentType: "application/json" })));
  undecodable(assertThrows(() => decodeBody(NOT_UTF8, { contentType: "text/plain" })));
  undecodable(assertThrows(() => decodeBody(bytes("x"), { contentType: "text/plain; charset=klingon" })));
});

Deno.test("gzip that is none, that ends early, and an unknown encoding are undecodable", async () => {
  const whole = gzipSync(bytes("a body that is long enough to be cut"));
  const long = bytes("a body that is long enough to be cut, and again: ".repeat(20));
  const broken: [string, Uint8Array][] = [
    ["gzip", bytes("plain")],
    ["gzip", whole.subarray(0, whole.length - 10)],
    ["deflate", NOT_UTF8],
    ["br", whole],
    ["br", brotliCompressSync(long).subarray(0, 12)],
    ["zstd", whole],
    ["zstd", zstdCompressSync(long).subarray(0, 12)],
    ["bzip2", whole],
    ["gzip, klingon", whole],
  ];
  for (const [contentEncoding, raw] of broken) {
    undecodable(await assertRejects(async () => await decodeBody(raw, { contentEncoding }), WarrenError));
  }
});

Deno.test("the character set that kombu sends as an encoding is none", () => {
  assertEquals(decodeBody(bytes("[1]"), { contentEncoding: "utf-8", contentType: "application/json" }), [1]);
  assertEquals(decodeBody(bytes("a"), { contentEncoding: "identity" }), "a");
});

Deno.test("what is no encoding, but says how the bytes travel or what characters they are, changes nothing", () => {
  for (const contentEncoding of ["binary", "8bit", "7bit", "US-ASCII", "identity", "UTF-8", "identity, utf-8"]) {
    assertEquals(decodeBody(bytes("[1]"), { contentEncoding, contentType: "application/json" }), [1], contentEncoding);
  }
  const contentType = "application/x-python-serialize";
  assertEquals(decodeBody(NOT_UTF8, { contentEncoding: "binary", contentType }), NOT_UTF8);
});

Deno.test("a character set where the encoding should be is that of the text", () => {
  const contentEncoding = "ISO-8859-1";
  assertEquals(decodeBody(new Uint8Array([0xe9]), { contentEncoding, contentType: "text/plain" }), "é");
  assertEquals(decodeBody(new Uint8Array([0xe9]), { contentEncoding }), "é");
  assertEquals(decodeBody(bytes("é"), { contentEncoding, contentType: "text/plain; charset=utf-8" }), "é");
});

Deno.test("several encodings are undone in turn: between commas the last first, between colons the first", async () => {
  const json = bytes('{"a":1}');
  const encoded: [string, Uint8Array][] = [
    ["gzip, UTF-8", gzipSync(json)],
    ["UTF-8, gzip", gzipSync(json)],
    ["gzip:UTF-8", gzipSync(json)],
    ["deflate, gzip", gzipSync(deflateSync(json))],
    ["gzip:deflate", gzipSync(deflateSync(json))],
    ["zstd,br,gzip", gzipSync(brotliCompressSync(zstdCompressSync(json)))],
  ];
  for (const [contentEncoding, raw] of encoded) {
    const value = await decodeBody(raw, { contentEncoding, contentType: "application/json" });
    assertEquals(value, { a: 1 }, contentEncoding);
  }
});

Deno.test("each of several encodings is held to the limit", async () => {
  const zeros = new Uint8Array(4 * 1024 * 1024);
  const bombs: [string, Uint8Array][] = [
    ["gzip, gzip", gzipSync(gzipSync(zeros))],
    // What comes out at last would fit, what comes out first does not.
    ["gzip, gzip", gzipSync(gzipSync(crypto.getRandomValues(new Uint8Array(65_536)), { level: 0 }))],
    ["br", brotliCompressSync(zeros)],
    ["zstd", zstdCompressSync(zeros)],
  ];
  for (const [contentEncoding, raw] of bombs) {
    const decoding = async () => await decodeBody(raw, { contentEncoding }, { maxInflated: 65_536 });
    assertEquals((await assertRejects(decoding, WarrenError)).code, "tooLarge", contentEncoding);
  }
});

Deno.test("the compression that Celery names in a header is undone first", async () => {
  const properties = { contentType: "application/json", contentEncoding: "utf-8" };
  const compressed: [string, Uint8Array][] = [
    // kombu calls zlib's format so.
    ["application/x-gzip", deflateSync(bytes("[1]"))],
    ["application/x-gzip", gzipSync(bytes("[1]"))],
    ["application/x-brotli", brotliCompressSync(bytes("[1]"))],
    ["application/zstd", zstdCompressSync(bytes("[1]"))],
  ];
  for (const [compression, raw] of compressed) {
    assertEquals(await decodeBody(raw, properties, { headers: { compression } }), [1], compression);
  }
  for (const compression of ["application/x-bz2", "application/x-lzma"]) {
    const error = assertThrows(() => decodeBody(bytes("x"), properties, { headers: { compression } }), WarrenError);
    assert(error.message.includes(`compression "${compression}"`), error.message);
  }
  // A header of this name that is not Celery's.
  for (const compression of ["none", "constructor", true, 5, null]) {
    assertEquals(decodeBody(bytes("[1]"), properties, { headers: { compression } }), [1]);
  }
});

Deno.test("a form is an object, with a list where a name comes several times", () => {
  const form = (text: string) => decodeBody(bytes(text), { contentType: "application/x-www-form-urlencoded" });
  assertEquals(form("name=J%C3%B6rg+B&tag=a&tag=b&tag=c&empty="), { name: "Jörg B", tag: ["a", "b", "c"], empty: "" });
  assertEquals(form(""), {});
  const odd = form("__proto__=1&constructor=2&__proto__=3") as Record<string, unknown>;
  assertEquals(Object.entries(odd), [["__proto__", ["1", "3"]], ["constructor", "2"]]);
  assertEquals(({} as Record<string, unknown>)[0], undefined);
});

Deno.test("what `curl -d` sends as a form without being one is the text that it is", () => {
  for (const text of ["hello", '{"a":"b=c"}', ' ["a=b"]', "0"]) {
    assertEquals(decodeBody(bytes(text), { contentType: "application/x-www-form-urlencoded" }), text);
  }
});

Deno.test("XML, YAML and the like are text", () => {
  const types = ["application/xml", "application/soap+xml; charset=utf-8", "application/yaml", "application/x-ndjson"];
  for (const contentType of types) assertEquals(decodeBody(bytes("<a>é</a>"), { contentType }), "<a>é</a>");
});

Deno.test("what other libraries send is what they mean", () => {
  const envelope = bytes('{"message":{"a":1}}');
  assertEquals(decodeBody(envelope, { contentType: "application/vnd.masstransit+json" }), { message: { a: 1 } });
  const spring = { contentType: "application/json", contentEncoding: "UTF-8" };
  assertEquals(decodeBody(bytes("[1]"), spring, { headers: { __TypeId__: "com.example.Order" } }), [1]);
  const java = new Uint8Array([0xac, 0xed, 0x00, 0x05]);
  assertEquals(decodeBody(java, { contentType: "application/x-java-serialized-object" }), java);
  assertEquals(decodeBody(bytes("{}"), { contentType: "application/octet-stream" }), bytes("{}"));
});

Deno.test("an unknown character set is told as that, and JSON that is none in one line", () => {
  const foo = assertThrows(() => decodeBody(bytes("x"), { contentType: "text/plain; charset=foo" }), WarrenError);
  assertEquals(foo.message, 'unknown charset foo in the content type "text/plain; charset=foo"');
  const json = assertThrows(() => decodeBody(bytes("{\n a\n}"), { contentType: "application/json" }), WarrenError);
  assert(!json.message.includes("\n"), json.message);
});

Deno.test("what is encoded decodes to itself", () => {
  for (const value of [{ a: 1 }, [1, 2], "text", 0, null, false, NOT_UTF8]) {
    const { body, contentType } = encodeBody(value);
    assertEquals(decodeBody(body, { contentType }), value);
  }
  assertThrows(() => encodeBody(undefined), TypeError);
});
