import type { Random } from "../../broker/random.ts";
import { ODD } from "./odd_messages.ts";
import { encodeProperties } from "./raw_codec.ts";
import { rewrittenProperties } from "./rewritten_properties.ts";

/** Not those so large that their copies would not fit: there is another test for these. */
const SOURCES = Object.values(ODD)
  .map((properties) => properties instanceof Uint8Array ? properties : encodeProperties(properties))
  .filter(({ length }) => length < 10_000);

/** Spoils the properties of each message, in one way or another, but for those in which `spared` stands. */
export function fuzzedHeaders(random: Random, spared: string): (bytes: Uint8Array) => Uint8Array {
  return rewrittenProperties((properties) => {
    return new TextDecoder("latin1").decode(properties).includes(spared) ? properties : fuzzed(random, properties);
  });
}

function fuzzed(random: Random, properties: Uint8Array): Uint8Array {
  switch (random.int(6)) {
    case 0:
      return random.bytes(random.int(40));
    case 1:
      return properties.subarray(0, random.int(properties.length));
    case 2:
      return random.pick(SOURCES);
    case 3:
      return flipped(random, random.pick(SOURCES).slice());
    default:
      return flipped(random, properties);
  }
}

export function flipped(random: Random, bytes: Uint8Array): Uint8Array {
  // The flags and what follows them decide how all the rest is read.
  const most = random.pick([2, 8, bytes.length]);
  for (let flips = random.between(1, 4); flips > 0 && bytes.length > 0; flips--) {
    bytes[random.int(Math.min(most, bytes.length))] ^= 1 << random.int(8);
  }
  return bytes;
}
