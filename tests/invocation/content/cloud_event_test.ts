import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { WarrenError } from "../../../lib/base/errors.ts";
import { readCloudEvent, type ReadEvent } from "../../../lib/invocation/content/cloud_event.ts";
import type { MessageProperties } from "../../../lib/mod.ts";

const REQUIRED = { specversion: "1.0", id: "1234", source: "/mycontext", type: "com.example.someevent" };
const encode = (text: string) => new TextEncoder().encode(text);

/** With every attribute under this prefix. */
function prefixed(attributes: Record<string, unknown>, prefix = "cloudEvents_"): Record<string, unknown> {
  return Object.fromEntries(Object.entries(attributes).map(([name, value]) => [prefix + name, value]));
}

function binary(headers: Record<string, unknown>, body = "", contentType?: string): Promise<ReadEvent> {
  return readCloudEvent({ body: encode(body), properties: { contentType }, headers });
}

function structured(event: unknown, properties: MessageProperties = {}): Promise<ReadEvent> {
  const body = encode(typeof event === "string" ? event : JSON.stringify(event));
  return readCloudEvent({
    body,
    properties: { contentType: "application/cloudevents+json", ...properties },
    headers: {},
  });
}

async function refusal(read: Promise<ReadEvent>): Promise<string> {
  const error = await assertRejects(() => read, WarrenError) as WarrenError;
  assertEquals(error.code, "undecodable");
  return error.message;
}

Deno.test("a binary event has its attributes in headers, under either prefix, and its data in the body", async () => {
  for (const prefix of ["cloudEvents_", "cloudEvents:"]) {
    const headers = { ...prefixed({ ...REQUIRED, time: "2018-04-05T03:56:24Z" }, prefix), tenant: "a" };
    assertEquals(await binary(headers, '{"a":1}', "application/json; charset=utf-8"), {
      event: { ...REQUIRED, time: "2018-04-05T03:56:24Z", datacontenttype: "application/json; charset=utf-8" },
      body: { a: 1 },
    } as ReadEvent);
  }
  const both = { ...prefixed(REQUIRED), ...prefixed({ id: "old", more: true }, "cloudEvents:") };
  const { event } = await binary(both);
  assertEquals([event.id, event.more], ["1234", true]);
});

Deno.test("attributes in headers may have any type of AMQP's that stands for one of an event's", async () => {
  const given = {
    time: new Date(Date.UTC(2018, 3, 5, 17, 31)),
    count: 5,
    long: -7n,
    flag: false,
    bytes: new Uint8Array([1, 2, 255]),
    word: "Grüße 🐇",
    unset: null,
    gone: undefined,
  };
  assertEquals((await binary(prefixed({ ...REQUIRED, ...given }))).event as Record<string, unknown>, {
    ...REQUIRED,
    time: "2018-04-05T17:31:00.000Z",
    count: 5,
    long: -7,
    flag: false,
    bytes: "AQL/",
    word: "Grüße 🐇",
  });
});

Deno.test("a binary event without bytes has no data, where its type has no empty one", async () => {
  for (const type of [undefined, "application/json", "application/foo+json; x=y"]) {
    assertEquals((await binary(prefixed(REQUIRED), "", type)).body, undefined);
  }
  assertEquals((await binary(prefixed(REQUIRED), "", "text/plain")).body, "");
});

Deno.test("a structured event is JSON with the data as it is", async () => {
  const attributes = { ...REQUIRED, comexampleothervalue: 5, flag: true, word: "Grüße 🐇" };
  const json = { ...attributes, datacontenttype: "application/json" };
  assertEquals(await structured({ ...attributes, subject: null, data: { a: [1] } }), {
    event: json,
    body: { a: [1] },
  } as ReadEvent);
  assertEquals((await structured({ ...json, data: "I'm just a string" })).body, "I'm just a string");
  assertEquals((await structured({ ...json, data: null })).body, null);
  const xml = { ...attributes, datacontenttype: "application/xml" };
  assertEquals((await structured({ ...xml, data: '<much wow="xml"/>' })).body, '<much wow="xml"/>');
  assertEquals(await structured(attributes), { event: attributes, body: undefined } as ReadEvent);
  const properties = { contentType: "Application/CloudEvents+JSON; charset=UTF-8" };
  assertEquals((await structured({ ...json, data: 1 }, properties)).body, 1);
});

Deno.test("data_base64 is bytes, decoded as datacontenttype says", async () => {
  const data = encode('{"ü":1}');
  const base64 = { ...REQUIRED, data_base64: data.toBase64() };
  assertEquals((await structured(base64)).body, data);
  const typed = (datacontenttype: string) => structured({ ...base64, datacontenttype });
  assertEquals((await typed("application/vnd.apache.thrift.binary")).body, data);
  assertEquals((await typed("application/json")).body, { "ü": 1 });
  assertEquals((await typed("text/plain")).body, '{"ü":1}');
  assertStringIncludes(
    await refusal(structured({ ...REQUIRED, data_base64: "%" })),
    "data_base64 is not Base64",
  );
  assertStringIncludes(await refusal(structured({ ...REQUIRED, data_base64: 5 })), "data_base64 is not Base64");
  assertStringIncludes(await refusal(structured({ ...base64, data: 1 })), "it has both data and data_base64");
});

Deno.test("a structured event that is compressed is inflated first", async () => {
  const plain = encode(JSON.stringify({ ...REQUIRED, data: 1 }));
  const stream = new Blob([plain]).stream().pipeThrough(new CompressionStream("gzip"));
  const body = new Uint8Array(await new Response(stream).arrayBuffer());
  const properties = { contentType: "application/cloudevents+json", contentEncoding: "gzip" };
  assertEquals((await readCloudEvent({ body, properties, headers: {} })).body, 1);
});

Deno.test("what is no event is told with all that is missing and wrong", async () => {
  assertEquals(
    await refusal(binary({}, "{}", "application/json")),
    "the message is not a CloudEvent: id, source, type, specversion are missing; its headers have no attributes, " +
      'and its content type is "application/json"',
  );
  const { type: _, ...typeless } = REQUIRED;
  assertStringIncludes(await refusal(structured(typeless)), "type is missing");
  const wrong = { ...REQUIRED, specversion: "0.3", id: "", source: 5, subject: "" };
  const message = await refusal(structured(wrong));
  for (const part of ['specversion is "0.3": expected "1.0"', 'id is ""', "source is 5", 'subject is ""']) {
    assertStringIncludes(message, part);
  }
  const name = "no name of an attribute";
  for (const bad of ["camelCase", "under_score", "dash-ed", "", "ünder", "__proto__"]) {
    const named = JSON.parse(`{ ${JSON.stringify(bad)}: "x" }`);
    assertStringIncludes(await refusal(binary(prefixed({ ...REQUIRED, ...named }, "cloudEvents:"))), name);
  }
  for (const value of [{}, [], 1.5, 2 ** 31, NaN]) {
    assertStringIncludes(await refusal(binary(prefixed({ ...REQUIRED, extra: value }))), "extra is");
  }
  assertStringIncludes(await refusal(binary(prefixed({ ...REQUIRED, time: new Date(NaN) }))), "time is Invalid Date");
});

Deno.test("other event formats, and bodies that are none, are told as what they are", async () => {
  const read = (contentType: string, body: string) => structured(body, { contentType });
  for (
    const type of ["application/cloudevents-batch+json", "application/cloudevents+avro", "application/cloudevents"]
  ) {
    assertStringIncludes(await refusal(read(type, "[]")), `its content type is "${type}"`);
  }
  for (const body of ["[]", "null", '"text"', "5"]) {
    assertStringIncludes(await refusal(structured(body)), "its body is not a JSON object");
  }
  assertStringIncludes(await refusal(structured("{")), "the content type is JSON, but the body is not");
});

Deno.test("an event whose names are those of every object's properties is an event", async () => {
  const { event } = await structured({ ...REQUIRED, constructor: "x", tostring: 1 });
  assertEquals([event.constructor as unknown, event.tostring], ["x", 1]);
});

Deno.test("what the official SDK for JavaScript writes is read", async () => {
  const attributes =
    '"id":"1","time":"2018-04-05T17:31:00.000Z","type":"com.example.sold","source":"/shop","specversion":"1.0"';
  const object = await structured(`{${attributes},"subject":"Grüße","data":{"a":"ü"},"tenant":"a","count":5}`);
  assertEquals([object.body, object.event.subject, object.event.count], [{ a: "ü" }, "Grüße", 5]);
  const bytes = `{${attributes},"datacontenttype":"application/octet-stream","data_base64":"AP8H"}`;
  assertEquals((await structured(bytes)).body, new Uint8Array([0, 255, 7]));
  // Without data it says a content type all the same.
  const empty = await binary(prefixed(REQUIRED, "cloudEvents:"), "", "application/json; charset=utf-8");
  assertEquals(empty.body, undefined);
});

Deno.test("a structured event whose content type does not say so is read, as Dapr sends it", async () => {
  const dapr = {
    ...REQUIRED,
    datacontenttype: "application/json",
    pubsubname: "orders",
    topic: "created",
    traceid: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    tracestate: "",
  };
  for (const contentType of ["text/plain", "application/json", "text/plain; charset=utf-8", undefined]) {
    const { body, event } = await structured({ ...dapr, data: { order: 1 } }, { contentType });
    assertEquals([body, event as Record<string, unknown>], [{ order: 1 }, dapr]);
  }
});

Deno.test("a binary event under the prefixes of HTTP and Kafka is read, as Knative sends it", async () => {
  const time = "2018-04-05 17:31:00 +0000 UTC";
  for (const prefix of ["ce-", "ce_"]) {
    const attributes = prefixed({ ...REQUIRED, time, subject: "", dataschema: "", tenant: "a" }, prefix);
    const headers = { ...attributes, "content-type": "application/json" };
    const datacontenttype = "application/json";
    for (const contentType of [undefined, datacontenttype]) {
      const { body, event } = await binary(headers, '{"a":1}', contentType);
      const expected = { ...REQUIRED, time, tenant: "a", datacontenttype };
      assertEquals([body, event as Record<string, unknown>], [{ a: 1 }, expected]);
    }
  }
  const both = { ...prefixed(REQUIRED), "ce-x-forwarded": "not an attribute" };
  assertEquals((await binary(both)).event.id, "1234");
});

Deno.test("a message that is no event in any way is told with the content type that came", async () => {
  const said = async (body: string, contentType: string | undefined) => await refusal(binary({}, body, contentType));
  assertStringIncludes(await said("hello", "text/plain"), "its body is not JSON; its headers have no attributes");
  assertStringIncludes(await said("hello", "text/plain"), 'and its content type is "text/plain"');
  assertStringIncludes(await said("<a/>", "application/xml"), 'and its content type is "application/xml"');
  assertStringIncludes(await said("[]", undefined), 'and its content type is ""');
});
