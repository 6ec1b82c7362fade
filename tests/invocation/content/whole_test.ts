import { assert, assertEquals } from "@std/assert";
import { brotliCompressSync, zstdCompressSync } from "node:zlib";
import { isWholeBrotli, isWholeZstd } from "../../../lib/invocation/content/whole.ts";

const BODIES: Record<string, Uint8Array> = {
  "nothing": new Uint8Array(0),
  "text": new TextEncoder().encode("again and again, ".repeat(20)),
  "zeros": new Uint8Array(300_000),
  "noise": crypto.getRandomValues(new Uint8Array(30_000)),
};

/** Every length near the ends, and some between. */
function cuts(length: number): number[] {
  const all = Array.from({ length: 40 }, (_, index) => [index, length - 1 - index, Math.floor(index * length / 40)]);
  return [...new Set(all.flat())].filter((cut) => cut >= 0 && cut < length);
}

/** Deno's compressor adds an empty frame to some: without it the body is whole, too. */
function oneFrame(bytes: Uint8Array): Uint8Array {
  const empty = [0x28, 0xb5, 0x2f, 0xfd, 0x20, 0, 1, 0, 0];
  const has = bytes.length > empty.length && empty.every((byte, index) => bytes.at(index - empty.length) === byte);
  return new Uint8Array(has ? bytes.subarray(0, -empty.length) : bytes);
}

Deno.test("Zstandard that is cut anywhere is not whole, with other frames before it or not", () => {
  const skippable = new Uint8Array([0x5a, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 1, 2]);
  for (const [name, body] of Object.entries(BODIES)) {
    const plain = oneFrame(zstdCompressSync(body));
    assert(isWholeZstd(new Uint8Array([...skippable, ...plain, ...plain])), name);
    assert(isWholeZstd(plain), name);
    for (const cut of cuts(plain.length)) assertEquals(isWholeZstd(plain.subarray(0, cut)), false, `${name} ${cut}`);
    assertEquals(isWholeZstd(new Uint8Array([...plain, 1, 2, 3])), false, name);
  }
});

Deno.test("Brotli that is cut anywhere is not whole", async () => {
  for (const [name, body] of Object.entries(BODIES)) {
    const whole = new Uint8Array(brotliCompressSync(body));
    assert(await isWholeBrotli(whole), name);
    for (const cut of cuts(whole.length)) {
      assertEquals(await isWholeBrotli(whole.subarray(0, cut)), false, `${name} ${cut}`);
    }
  }
});
