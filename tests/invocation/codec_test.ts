import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { deflateRawSync, deflateSync, gzipSync } from "node:zlib";
import { WarrenError } from "../../lib/errors.ts";
import { decodeBody, encodeBody } from "../../lib/invocation/codec.ts";

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

Deno.test("gzip and deflate, with and without the zlib header, are inflated", async () => {
  const json = bytes(JSON.stringify({ text: "again ".repeat(1_000) }));
  const encoded: [string, Uint8Array][] = [
    ["gzip", gzipSync(json)],
    ["x-gzip", gzipSync(json)],
    [" GZIP ", gzipSync(json)],
    ["deflate", deflateSync(json)],
    ["deflate", deflateRawSync(json)],
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
  const broken: [string, Uint8Array][] = [
    ["gzip", bytes("plain")],
    ["gzip", whole.subarray(0, whole.length - 10)],
    ["deflate", NOT_UTF8],
    ["br", whole],
  ];
  for (const [contentEncoding, raw] of broken) {
    undecodable(await assertRejects(async () => await decodeBody(raw, { contentEncoding }), WarrenError));
  }
});

Deno.test("the character set that kombu sends as an encoding is none", () => {
  assertEquals(decodeBody(bytes("[1]"), { contentEncoding: "utf-8", contentType: "application/json" }), [1]);
  assertEquals(decodeBody(bytes("a"), { contentEncoding: "identity" }), "a");
});

Deno.test("what is encoded decodes to itself", () => {
  for (const value of [{ a: 1 }, [1, 2], "text", 0, null, false, NOT_UTF8]) {
    const { body, contentType } = encodeBody(value);
    assertEquals(decodeBody(body, { contentType }), value);
  }
  assertThrows(() => encodeBody(undefined), TypeError);
});
