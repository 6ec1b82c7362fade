import { assert, assertEquals, assertThrows } from "@std/assert";
import { AmqpError } from "../../../lib/broker/protocol/amqp_error.ts";
import {
  checkTable,
  decodeTable,
  describeValue,
  encodeField,
  encodeTable,
  type FieldTable,
  type FieldValue,
  splitTable,
} from "../../../lib/broker/protocol/table.ts";
import { ByteWriter } from "../../support/amqp/byte_writer.ts";
import { type Field, field, type FieldInput, type TableInput, writeTable } from "../../support/amqp/raw_codec.ts";
import { Random } from "../random.ts";

/** As another encoder writes it, without its length. */
function bytesOf(table: TableInput): Uint8Array {
  const writer = new ByteWriter();
  writeTable(writer, table);
  return writer.take().subarray(4);
}

/** A value as it is read, without the prototype that it lacks. */
function plain(value: FieldValue): unknown {
  if (Array.isArray(value)) return value.map(plain);
  const isTable = typeof value === "object" && value !== null && !(value instanceof Date) &&
    !(value instanceof Uint8Array);
  return isTable ? Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, plain(inner)])) : value;
}

const VALUES: [string, FieldInput, unknown][] = [
  ["t", true, true],
  ["b", field("b", -128), -128],
  ["B", field("B", 255), 255],
  ["s", field("s", -32768), -32768],
  ["u", field("u", 65535), 65535],
  ["I", field("I", -(2 ** 31)), -(2 ** 31)],
  ["i", field("i", 2 ** 32 - 1), 2 ** 32 - 1],
  ["l", field("l", -5n), -5],
  ["l", field("l", 2n ** 53n), 2n ** 53n],
  ["l", field("l", -(2n ** 63n)), -(2n ** 63n)],
  ["f", field("f", 1.5), 1.5],
  ["d", field("d", 1e300), 1e300],
  ["d", NaN, NaN],
  ["D", field("D", { scale: 2, value: 12345 }), 123.45],
  ["S", "é€", "é€"],
  ["x", Uint8Array.of(0, 255), Uint8Array.of(0, 255)],
  ["A", ["a", 1, [null]], ["a", 1, [null]]],
  ["T", field("T", 1_700_000_000n), new Date(1_700_000_000_000)],
  ["F", { deep: { er: "x" } }, { deep: { er: "x" } }],
  ["V", null, null],
];

for (const [type, input, wanted] of VALUES) {
  Deno.test(`a field of type ${type} is read as ${Deno.inspect(wanted)}`, () => {
    const bytes = bytesOf({ name: input, after: 1 });
    assertEquals(plain(decodeTable(bytes)), { name: wanted, after: 1 });
    checkTable(bytes);
    const [first, second] = splitTable(bytes);
    assertEquals([first.name, first.type, second.name], ["name", type, "after"]);
    assertEquals(new Uint8Array([...first.bytes, ...second.bytes]), bytes);
  });
}

Deno.test("whatever is encoded is decoded as the same", () => {
  const random = new Random(5);
  const value = (depth: number): FieldValue => {
    const kinds: (() => FieldValue)[] = [
      () => null,
      () => random.chance(0.5),
      () => random.int(2 ** 31),
      () => -random.int(2 ** 31),
      () => 2 ** 31 + random.int(1000),
      () => -(2 ** 40) - random.int(1000),
      () => random.next() * 1e10 + 0.5,
      () => 2n ** 53n + BigInt(random.int(1000)),
      () => "é".repeat(random.int(100)),
      () => random.bytes(random.int(100)),
      () => new Date(random.int(2 ** 31) * 1000),
      () => Array.from({ length: random.int(5) }, () => value(depth - 1)),
      () => table(depth - 1),
    ];
    return random.pick(depth > 0 ? kinds : kinds.slice(0, -2))();
  };
  const table = (depth: number): FieldTable =>
    Object.fromEntries(Array.from({ length: random.int(6) }, () => [`k${random.int(1000)}`, value(depth)]));
  for (let times = 0; times < 500; times++) {
    const original = table(4);
    const bytes = encodeTable(original);
    assertEquals(plain(decodeTable(bytes)), plain(original));
    checkTable(bytes);
    const fields = splitTable(bytes);
    assertEquals(fields.map(({ name }) => name), Object.keys(original));
    assertEquals(new Uint8Array(fields.flatMap(({ bytes }) => [...bytes])), bytes);
    for (const [name, inner] of Object.entries(original)) {
      assertEquals(fields.find((field) => field.name === name)!.bytes, encodeField(name, inner));
    }
  }
});

Deno.test("the table that other clients write is the one that is encoded here", () => {
  const table = { text: "a", int: 1, long: 2n ** 40n, yes: true, nothing: null, list: ["x", 1.5], inner: { a: "b" } };
  assertEquals(encodeTable(table), new Uint8Array(bytesOf(table)));
});

Deno.test("names mean nothing, whatever they are", () => {
  const table = decodeTable(bytesOf({ ["__proto__"]: "b", constructor: "c", "": "d" }));
  assertEquals(Object.entries(table), [["__proto__", "b"], ["constructor", "c"], ["", "d"]]);
  assertEquals(Object.getPrototypeOf(table), null);
});

Deno.test("a time that no date can be is the last one that can", () => {
  const { time } = decodeTable(bytesOf({ time: field("T", 2n ** 64n - 1n) }));
  assertEquals((time as Date).getTime(), 8.64e15);
  assertEquals(decodeTable(encodeTable({ time })).time, time);
});

Deno.test("a table and a list may be nested deeply, but not without end", () => {
  const nested = (depth: number, inner: (value: FieldInput) => FieldInput) => {
    let value: FieldInput = "x";
    for (let level = 0; level < depth; level++) value = inner(value);
    return bytesOf({ value });
  };
  for (const inner of [(value: FieldInput) => ({ a: value }), (value: FieldInput) => [value]]) {
    const allowed = nested(60, inner);
    decodeTable(allowed);
    checkTable(allowed);
    const tooDeep = nested(70, inner);
    for (const read of [decodeTable, checkTable, splitTable]) {
      assertEquals(assertThrows(() => void read(tooDeep), AmqpError).code, 502);
    }
  }
});

Deno.test("what is no table is refused by all who read it, or by none", () => {
  const random = new Random(6);
  const good = bytesOf({ a: "text", b: [1, { c: null }], d: field("D", { scale: 1, value: 2 }), x: new Uint8Array(9) });
  let refused = 0;
  for (let times = 0; times < 5_000; times++) {
    const bytes = good.slice(0, random.chance(0.5) ? good.length : random.int(good.length));
    for (let flips = random.int(3); flips > 0 && bytes.length > 0; flips--) {
      bytes[random.int(bytes.length)] = random.int(256);
    }
    const outcomes = [decodeTable, checkTable, splitTable].map((read) => {
      try {
        read(bytes);
        return "read";
      } catch (error) {
        assert(error instanceof AmqpError, `${error}`);
        return error.code;
      }
    });
    assertEquals(new Set(outcomes).size, 1, `${bytes}: ${outcomes}`);
    if (outcomes[0] !== "read") refused++;
  }
  assert(refused > 1_000);
});

Deno.test("every value can be told to people", () => {
  for (const [, input] of VALUES) {
    const { value } = decodeTable(bytesOf({ value: input as Field }));
    assert(describeValue(value).length > 0);
  }
  assertEquals([describeValue("a"), describeValue(5n), describeValue(null)], ["a", "5", "null"]);
});
