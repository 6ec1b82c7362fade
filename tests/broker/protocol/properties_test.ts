import { assert, assertEquals, assertThrows } from "@std/assert";
import { AmqpError } from "../../../lib/broker/protocol/amqp_error.ts";
import { editHeader, readBodySize, readHeaders, scanProperties } from "../../../lib/broker/protocol/properties.ts";
import { encodeTable } from "../../../lib/broker/protocol/table.ts";
import { decodeProperties, type PropertiesInput } from "../../support/amqp/raw_codec.ts";
import { contentHeader } from "../messages.ts";
import { Random } from "../random.ts";

/** Any of the properties, each there or not. */
function randomProperties(random: Random): PropertiesInput {
  const text = () => random.pick(["", "a", "é".repeat(random.int(60)), "x".repeat(random.int(200))]);
  const all: PropertiesInput = {
    contentType: text(),
    contentEncoding: text(),
    headers: random.pick([{}, { a: 1, b: "x" }, { deep: { er: [1, null] } }]),
    deliveryMode: random.pick([1, 2]),
    priority: random.int(256),
    correlationId: text(),
    replyTo: text(),
    expiration: random.pick(["0", "60000"]),
    messageId: text(),
    timestamp: BigInt(random.int(2 ** 32)),
    type: text(),
    userId: text(),
    appId: text(),
    clusterId: text(),
  };
  return Object.fromEntries(Object.entries(all).filter(() => random.chance(0.4)));
}

Deno.test("properties are found whichever others are there", () => {
  const random = new Random(7);
  for (let times = 0; times < 2_000; times++) {
    const properties = randomProperties(random);
    const header = contentHeader(5, properties);
    const found = scanProperties(header, header.length);
    const { deliveryMode, priority, expiration, replyTo, userId } = properties;
    assertEquals({ ...found, headersStart: 0, headersEnd: 0 }, {
      deliveryMode,
      priority,
      expiration,
      replyTo,
      userId,
      headersStart: 0,
      headersEnd: 0,
    });
    assertEquals(Object.keys(readHeaders(header, found)), Object.keys(properties.headers ?? {}));
    assertEquals(readBodySize(header, 0, header.length), 5);
  }
});

Deno.test("an edited header is what decoding, changing and encoding it gives", () => {
  const random = new Random(8);
  for (let times = 0; times < 2_000; times++) {
    const properties = randomProperties(random);
    const header = contentHeader(77, properties);
    const headers = random.pick([undefined, null, { other: "value" }]);
    const expiration = random.pick([undefined, null]);
    const replyTo = random.pick([undefined, "to.me"]);
    const edited = editHeader(header, header.length, {
      headers: headers ? encodeTable(headers) : headers,
      expiration,
      replyTo,
    });
    const wanted: PropertiesInput = { ...properties };
    if (headers === null) delete wanted.headers;
    else if (headers) wanted.headers = headers;
    if (expiration === null) delete wanted.expiration;
    if (replyTo !== undefined) wanted.replyTo = replyTo;
    assertEquals(edited, new Uint8Array(contentHeader(77, wanted)));
    assertEquals(
      Object.keys(decodeProperties(edited.subarray(12))),
      Object.keys(decodeProperties(contentHeader(77, wanted).subarray(12))),
    );
  }
});

Deno.test("a header that was cut off, or goes on, is refused", () => {
  const header = contentHeader(0, {
    contentType: "a/b",
    headers: { a: 1 },
    deliveryMode: 2,
    timestamp: 1n,
    clusterId: "c",
  });
  for (let end = 14; end < header.length; end++) {
    assertEquals(assertThrows(() => scanProperties(header, end), AmqpError).code, 502);
  }
  for (let end = 0; end < 14; end++) {
    assertEquals(assertThrows(() => readBodySize(header, 0, end), AmqpError).code, 502);
  }
  const longer = new Uint8Array(header.length + 1);
  longer.set(header);
  assertThrows(() => scanProperties(longer, longer.length), AmqpError, "longer");
});

Deno.test("flags that mean nothing are refused", () => {
  for (const flag of [1, 2]) {
    const header = contentHeader(0);
    header[13] |= flag;
    assertThrows(() => scanProperties(header, header.length), AmqpError, "flags");
  }
});

Deno.test("a delivery mode that is neither of the two is not persistent", () => {
  for (const deliveryMode of [0, 1, 3, 255]) {
    const header = contentHeader(0, { deliveryMode });
    assert(scanProperties(header, header.length).deliveryMode !== 2);
  }
});
