import { ByteWriter } from "./byte_writer.ts";
import { field, type FieldInput, type PropertiesInput } from "./raw_codec.ts";

/** A header of every type, with values that are lost where a number or a text of JavaScript stands for them. */
export const EVERY_TYPE: Record<string, FieldInput> = {
  long: field("l", 2n ** 53n + 1n),
  longest: field("l", -(2n ** 63n)),
  smallLong: field("l", 7n),
  double: field("d", 3),
  float: field("f", 0.1),
  byte: field("b", -3),
  unsignedByte: field("B", 200),
  short: field("s", -300),
  unsignedShort: field("u", 60_000),
  int: field("I", -70_000),
  unsignedInt: field("i", 4_000_000_000),
  decimal: field("D", { scale: 2, value: 12_345 }),
  yes: true,
  nothing: null,
  text: "é€😀",
  noText: field("S", Uint8Array.of(0xff, 0xfe, 0x41)),
  empty: "",
  bytes: Uint8Array.of(0, 1, 255),
  time: field("T", 1_700_000_000n),
  lateTime: field("T", 2n ** 60n),
  list: [1, "two", field("l", 2n ** 60n), [null, { deep: field("u", 7) }]],
  table: { inner: field("l", 2n ** 62n + 1n), "": "no name", __proto__name: 1 },
  "1": "a name that is a number",
  toString: { valueOf: "a name that every object has" } as unknown as FieldInput,
};

/** Properties that most clients do not set. */
export const EVERY_PROPERTY: PropertiesInput = {
  contentType: "",
  contentEncoding: "",
  deliveryMode: 2,
  priority: 0,
  correlationId: "c",
  messageId: "m",
  timestamp: 1_600_000_000_000_000n,
  type: "",
  appId: "a",
  clusterId: "c-1",
};

/** What others may send that many clients cannot read, by what is odd. */
export const ODD: Record<string, PropertiesInput | Uint8Array> = {
  "a cluster id": { clusterId: "c", headers: { a: 1 } },
  "a cluster id alone": { clusterId: "" },
  "a timestamp in milliseconds": { timestamp: 1_700_000_000_000n },
  "a timestamp in microseconds": { timestamp: 1_700_000_000_000_000n },
  "the last timestamp": { timestamp: 2n ** 64n - 1n },
  "every property": EVERY_PROPERTY,
  "every type": { headers: EVERY_TYPE },
  "a long that is unsigned": withHeader("L", new Uint8Array(8).fill(255)),
  "tables in tables": withHeader("F", nested(50)),
  "headers of 122 KB": { headers: { large: "x".repeat(122 * 1024) } },
  "many headers": { headers: Object.fromEntries(Array.from({ length: 5_000 }, (_, n) => [`h${n}`, n])) },
};

/** Headers with one of a type that `encodeProperties` does not know, between two others. */
export function withHeader(type: string, value: Uint8Array): Uint8Array<ArrayBuffer> {
  const table = new ByteWriter();
  for (
    const [name, of, bytes] of [["before", "t", Uint8Array.of(1)], ["odd", type, value], ["after", "V", []]] as const
  ) {
    table.shortstr(name);
    table.octet(of.charCodeAt(0));
    table.raw(Uint8Array.from(bytes));
  }
  const writer = new ByteWriter();
  writer.short(0x2000);
  writer.longstr(table.take());
  return writer.take();
}

/** The bytes of a table in a table in a table, its own length first. */
export function nested(depth: number): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter();
  for (let level = 0; level < depth; level++) {
    writer.long((depth - level) * 7);
    writer.shortstr("a");
    writer.octet("F".charCodeAt(0));
  }
  writer.long(0);
  return writer.take();
}
