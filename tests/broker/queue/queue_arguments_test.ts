import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { AmqpError } from "../../../lib/broker/protocol/amqp_error.ts";
import { assertSameArguments, readQueueArguments } from "../../../lib/broker/queue/queue_arguments.ts";
import { ByteWriter } from "../../support/amqp/byte_writer.ts";
import { field, type FieldInput, type TableInput, writeTable } from "../../support/amqp/raw_codec.ts";

function encoded(table: TableInput): Uint8Array {
  const writer = new ByteWriter();
  writeTable(writer, table);
  return writer.take().subarray(4);
}

Deno.test("no arguments are a classic queue without limits", () => {
  assertEquals(readQueueArguments("q", encoded({})), {
    kind: "classic",
    messageTtl: undefined,
    expires: undefined,
    maxLength: undefined,
    maxLengthBytes: undefined,
    overflow: "drop-head",
    deadLetterExchange: undefined,
    deadLetterRoutingKey: undefined,
    maxPriority: undefined,
    singleActiveConsumer: false,
    deliveryLimit: undefined,
  });
});

Deno.test("integers may have any width, and unknown arguments any value", () => {
  for (const type of ["b", "B", "s", "u", "I", "i"] as const) {
    assertEquals(readQueueArguments("q", encoded({ "x-max-length": field(type, 5), "x-mine": [1] })).maxLength, 5);
  }
  assertEquals(readQueueArguments("q", encoded({ "x-max-length": field("l", 5n) })).maxLength, 5);
});

const QUORUM = { "x-queue-type": "quorum" };
const WRONG: [name: string, args: TableInput, why: string][] = [
  ["x-message-ttl", { "x-message-ttl": -1 }, "value_negative"],
  ["x-message-ttl", { "x-message-ttl": "5" }, "unacceptable_type,longstr"],
  ["x-message-ttl", { "x-message-ttl": 1.5 }, "unacceptable_type,double"],
  ["x-message-ttl", { "x-message-ttl": 2n ** 33n }, "value_too_big"],
  ["x-message-ttl", { "x-message-ttl": 2n ** 60n }, "unacceptable_type"],
  ["x-expires", { "x-expires": 0 }, "value_zero"],
  ["x-max-priority", { "x-max-priority": 256 }, "max_value_exceeded"],
  ["x-overflow", { "x-overflow": "explode" }, "invalid_overflow"],
  ["x-overflow", { ...QUORUM, "x-overflow": "reject-publish-dlx" }, "invalid_overflow"],
  ["x-queue-type", { "x-queue-type": "stream" }, "unsupported_queue_type"],
  ["x-dead-letter-exchange", { "x-dead-letter-exchange": 1 }, "unacceptable_type,signedint"],
  ["x-dead-letter-routing-key", { "x-dead-letter-routing-key": "k" }, "routing_key_but_no_dlx_defined"],
  ["x-single-active-consumer", { "x-single-active-consumer": 1 }, "unacceptable_type"],
  ["x-max-priority", { ...QUORUM, "x-max-priority": 1 }, "rabbit_quorum_queue"],
  ["x-delivery-limit", { "x-delivery-limit": 1 }, "rabbit_classic_queue"],
];

for (const [name, args, why] of WRONG) {
  Deno.test(`${Deno.inspect(args, { compact: true })} is refused: ${why}`, () => {
    const error = assertThrows(() => readQueueArguments("q", encoded(args)), AmqpError);
    assertEquals([error.code, error.soft], [406, true]);
    for (const part of [`'${name}'`, "'q'", why]) assertStringIncludes(error.message, part);
  });
}

Deno.test("the same arguments in another order or width are the same", () => {
  const current = encoded({ "x-max-length": 5, "x-overflow": "drop-head", mine: 1 });
  assertSameArguments("q", encoded({ "x-overflow": "drop-head", "x-max-length": field("b", 5) }), current);
  assertSameArguments("q", encoded({ "x-queue-type": "classic" }), encoded({}));
});

Deno.test("arguments that differ are refused, with both values, whatever they are", () => {
  const values: [FieldInput | undefined, string][] = [
    [6, "received '6' but current is '5'"],
    [field("d", 5), "received '5.0' but current is '5'"],
    ["5", "received '5' but current is '5'"],
    [null, "received none but current is '5'"],
    [undefined, "received none but current is the value '5' of type 'signedint'"],
    [{ a: [1n, null] }, "but current is '5'"],
  ];
  for (const [value, why] of values) {
    const error = assertThrows(
      () => assertSameArguments("q", encoded({ "x-max-length": value }), encoded({ "x-max-length": 5 })),
      AmqpError,
    );
    assertEquals(error.code, 406);
    assertStringIncludes(error.message, why);
  }
});
