import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { readCloudEvent } from "../../../lib/invocation/content/cloud_event.ts";
import {
  type EventData,
  eventData,
  outputEventProblems,
  resultData,
  writeCloudEvent,
} from "../../../lib/invocation/content/write_cloud_event.ts";
import type { EventOptions } from "../../../lib/mod.ts";

const DEFAULTS = { id: "m/0", name: "orders.created", headers: {} };
const TIME = "2018-04-05T17:31:00Z";
const encode = (text: string) => new TextEncoder().encode(text);

function write(event: Partial<EventOptions>, data: EventData, headers: Record<string, unknown> = {}) {
  return writeCloudEvent({ type: "t", ...event } as EventOptions, data, { ...DEFAULTS, headers });
}

function jsonOf({ body }: { body: Uint8Array }): Record<string, unknown> {
  return JSON.parse(new TextDecoder().decode(body));
}

function refusal(event: Record<string, unknown>): string {
  return (assertThrows(() => write(event as EventOptions, eventData(1)), TypeError) as TypeError).message;
}

Deno.test("a binary event is its data, with its attributes in headers", () => {
  const written = write({ time: TIME, subject: "Grüße", count: 5, flag: false, at: new Date(0) }, eventData({ a: 1 }));
  assertEquals(written, {
    id: "m/0",
    body: encode('{"a":1}'),
    contentType: "application/json",
    headers: {
      cloudEvents_specversion: "1.0",
      cloudEvents_id: "m/0",
      cloudEvents_source: "/functions/orders.created",
      cloudEvents_type: "t",
      cloudEvents_time: TIME,
      cloudEvents_subject: "Grüße",
      cloudEvents_count: 5n,
      cloudEvents_flag: false,
      cloudEvents_at: "1970-01-01T00:00:00.000Z",
    },
  });
});

Deno.test("a structured event is one JSON document", () => {
  const written = write({ mode: "structured", time: TIME, id: "own", source: "urn:x:y" }, eventData({ a: "ü" }));
  assertEquals([written.contentType, written.headers, written.id], [
    "application/cloudevents+json; charset=utf-8",
    {},
    "own",
  ]);
  assertEquals(jsonOf(written), {
    specversion: "1.0",
    id: "own",
    source: "urn:x:y",
    type: "t",
    time: TIME,
    datacontenttype: "application/json",
    data: { a: "ü" },
  });
});

Deno.test("data is bytes, text, JSON or nothing, in both modes, and reads as what it was", async () => {
  const cases: [value: unknown, contentType: string | undefined, read: unknown][] = [
    [{ a: [1, null] }, undefined, { a: [1, null] }],
    [null, undefined, null],
    [5, "application/vnd.x+json", 5],
    ["a string", "application/json", "a string"],
    ["a text", undefined, "a text"],
    ["<xml/>", "text/xml", "<xml/>"],
    [new Uint8Array([0, 255]), undefined, new Uint8Array([0, 255])],
    [new Uint8Array([0, 255]).buffer, "image/png", new Uint8Array([0, 255])],
    [encode('{"a":1}'), "application/json", { a: 1 }],
    [undefined, undefined, undefined],
  ];
  for (const mode of ["binary", "structured"] as const) {
    for (const [value, type, expected] of cases) {
      const { body, contentType, headers } = write({ mode, time: TIME }, eventData(value, type));
      const read = await readCloudEvent({ body, properties: { contentType }, headers });
      assertEquals(read.body, expected, `${mode} ${Deno.inspect(value)}`);
      assertEquals([read.event.id, read.event.time], ["m/0", TIME]);
    }
  }
  const bytes = jsonOf(write({ mode: "structured" }, eventData(new Uint8Array([1]))));
  assertEquals([bytes.data_base64, bytes.datacontenttype, "data" in bytes], [
    "AQ==",
    "application/octet-stream",
    false,
  ]);
});

Deno.test("data that has no such form is refused where it is written", () => {
  assertStringIncludes(
    (assertThrows(() => eventData({}, "application/xml"), TypeError) as TypeError).message,
    'data of the content type "application/xml" must be a string or bytes, found object',
  );
  assertThrows(() => eventData(() => {}), TypeError, "it has no form in JSON");
});

Deno.test("an event that was read can be written again as it is", async () => {
  const event = { specversion: "1.0", id: "i", source: "/s", type: "t", time: TIME, datacontenttype: "text/a", n: 1 };
  const body = encode(JSON.stringify({ ...event, data: "x" }));
  const properties = { contentType: "application/cloudevents+json" };
  const read = await readCloudEvent({ body, properties, headers: {} });
  for (const mode of ["binary", "structured"] as const) {
    const written = write({ ...read.event, mode }, eventData(read.body, read.event.datacontenttype));
    const { contentType } = written;
    assertEquals(await readCloudEvent({ ...written, properties: { contentType } }), read);
  }
});

Deno.test("the time is now, and a name that is no part of a URI is escaped in the source", () => {
  const { headers } = writeCloudEvent({ type: "t" }, eventData(1), { ...DEFAULTS, name: "über uns" });
  assertEquals(headers.cloudEvents_source, "/functions/%C3%BCber%20uns");
  assert(Math.abs(Date.now() - Date.parse(String(headers.cloudEvents_time))) < 60_000);
});

Deno.test("the trace goes on in the event and in its message, with the same cause", () => {
  const trace = "4bf92f3577b34da6a3ce929d0e0e4736";
  const headers = { traceparent: `00-${trace}-00f067aa0ba902b7-01`, tracestate: "a=b" };
  const binary = write({}, eventData(1), headers).headers;
  assertEquals(binary.traceparent, headers.traceparent);
  assertEquals([binary.cloudEvents_traceparent, binary.cloudEvents_tracestate], [binary.traceparent, "a=b"]);
  const structured = write({ mode: "structured" }, eventData(1), headers);
  assertEquals(jsonOf(structured).traceparent, structured.headers.traceparent);
  const control = write({}, eventData(1), { ...headers, tracestate: "a\nb" }).headers;
  assertEquals([control.tracestate, control.cloudEvents_tracestate], [undefined, undefined]);
});

Deno.test("all that is wrong in an event is told where it is written", () => {
  const all = refusal({ type: "", source: "not a uri", time: "yesterday", dataschema: "/relative", Big: 1, n: 1.5 });
  for (
    const part of [
      'type is "": expected a text that is not empty',
      'source is "not a uri": expected a URI reference',
      'time is "yesterday": expected a date and time of RFC 3339',
      'dataschema is "/relative": expected a URI',
      '"Big" is no name of an attribute',
      "n is 1.5: expected a text, a boolean or an integer of 32 bits",
    ]
  ) assertStringIncludes(all, part);
  assertStringIncludes(refusal({ type: undefined }), "type is missing");
  assertStringIncludes(refusal({ id: "" }), 'id is ""');
  assertStringIncludes(refusal({ mode: "batch" }), 'mode is "batch": expected "binary" or "structured"');
  assertStringIncludes(refusal({ specversion: "0.3" }), 'specversion is "0.3"');
  assertStringIncludes(refusal({ data: "x" }), '"data" is no name');
  assertStringIncludes(refusal({ word: "a\u0000b" }), "word has control characters");
  assertStringIncludes(refusal({ word: "\ud800" }), "word has control characters");
  assertStringIncludes(refusal({ ["n".repeat(201)]: 1 }), "has more than 200 characters");
  assertStringIncludes(refusal({ time: new Date(NaN) }), "time is Invalid Date");
  for (const time of ["2018-13-05T17:31:00Z", "2018-04-05T17:31:00", "2018-04-05", "2018-04-05 17:31:00Z"]) {
    assertStringIncludes(refusal({ time }), "RFC 3339");
  }
  for (const time of ["2018-04-05T17:31:00.123456+02:00", "2018-04-05t17:31:00z"]) write({ time }, eventData(1));
});

Deno.test("what was returned is data by its content type, and has to be what that says in a document", () => {
  const forged = resultData({ body: encode('1,"id":"forged"'), contentType: "application/json" });
  assertStringIncludes(
    (assertThrows(() => write({ mode: "structured" }, forged), TypeError) as TypeError).message,
    "the data of the event is not json",
  );
  const invalid = resultData({ body: new Uint8Array([255]), contentType: "text/plain" });
  assertThrows(() => write({ mode: "structured" }, invalid), TypeError, "the data of the event is not text");
  assertEquals(resultData({ body: encode("x"), contentType: undefined }).form, "bytes");
});

Deno.test("what config says of the results' events is checked, and has nothing that each of them has", () => {
  assertEquals(outputEventProblems({ type: "t", source: "/s", mode: "structured", tenant: "a" }), []);
  assertEquals(outputEventProblems({ id: "x", mode: "loud" }), [
    'mode is "loud": expected "binary" or "structured"',
    "type is missing",
    "id cannot be set in config: each event has its own",
  ]);
  const [problem] = outputEventProblems({ type: "t", long: "x".repeat(10_000) });
  assertStringIncludes(problem, "expected at most 8192");
});
