import { ByteReader } from "./byte_reader.ts";

/** Bytes of a value by its type; texts, byte arrays, arrays and tables have their length before them. */
const SIZES: Record<string, number> = {
  t: 1,
  b: 1,
  B: 1,
  s: 2,
  u: 2,
  I: 4,
  i: 4,
  l: 8,
  L: 8,
  f: 4,
  d: 8,
  D: 5,
  T: 8,
  V: 0,
};

/** A property by its name or a header by `header NAME`, each with its bytes in hexadecimal: a type and a value. */
export type RawParts = Record<string, string>;

const NAMES = [
  ..."contentType contentEncoding headers deliveryMode priority correlationId replyTo".split(" "),
  ..."expiration messageId timestamp type userId appId clusterId".split(" "),
];
const OCTETS = ["deliveryMode", "priority"];

/** The properties of a content header in pieces, none of them decoded. */
export function rawParts(properties: Uint8Array): RawParts {
  const reader = new ByteReader(properties);
  const flags = reader.short();
  const parts: RawParts = {};
  for (const [index, name] of NAMES.entries()) {
    if (!(flags & (0x8000 >> index))) continue;
    if (name === "headers") Object.assign(parts, rawHeaders(reader.raw(reader.long())));
    else parts[name] = reader.raw(name === "timestamp" ? 8 : OCTETS.includes(name) ? 1 : reader.octet()).toHex();
  }
  if (reader.left > 0) throw new Error(`${reader.left} bytes are left behind the properties`);
  return parts;
}

function rawHeaders(table: Uint8Array): RawParts {
  const reader = new ByteReader(table);
  const parts: RawParts = {};
  while (reader.left > 0) {
    const name = new TextDecoder().decode(reader.raw(reader.octet()));
    const type = String.fromCharCode(reader.octet());
    const value = reader.raw(SIZES[type] ?? reader.long());
    parts[`header ${name}`] = `${type} ${value.toHex()}`;
  }
  return parts;
}
