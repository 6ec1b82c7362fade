/*
 * Deno's decompressors for Brotli and Zstandard accept truncated data. These functions check whether data that was
 * decompressed within the limit is complete.
 */

/** Whether a Brotli stream is complete. */
export async function isWholeBrotli(bytes: Uint8Array): Promise<boolean> {
  const stream = new Blob([bytes as Uint8Array<ArrayBuffer>]).stream().pipeThrough(new DecompressionStream("brotli"));
  try {
    for await (const _ of stream);
    return true;
  } catch {
    return false;
  }
}

const FRAME = 0xfd2fb528;
/** The last hexadecimal digit can have any value. */
const SKIPPABLE = 0x184d2a50;
const DICTIONARY_BYTES = [0, 1, 2, 4];
const SIZE_BYTES = [0, 2, 4, 8];
const RUN = 1;

/** Whether every frame of a Zstandard stream (RFC 8878) is complete. */
export function isWholeZstd(bytes: Uint8Array): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  try {
    do {
      const magic = view.getUint32(at, true);
      if ((magic & 0xfffffff0) === SKIPPABLE) at += 8 + view.getUint32(at + 4, true);
      else if (magic === FRAME) at = endOfFrame(view, at + 4);
      else return false;
    } while (at < bytes.length);
    return at === bytes.length;
  } catch {
    // The data ends within a header.
    return false;
  }
}

/** The end of the frame whose header starts here. */
function endOfFrame(view: DataView, start: number): number {
  const descriptor = view.getUint8(start);
  const single = (descriptor >> 5) & 1;
  let at = start + 1 + (1 - single) + DICTIONARY_BYTES[descriptor & 3];
  at += descriptor >> 6 === 0 ? single : SIZE_BYTES[descriptor >> 6];
  for (let last = false; !last;) {
    const block = view.getUint16(at, true) | view.getUint8(at + 2) << 16;
    last = (block & 1) === 1;
    at += 3 + (((block >> 1) & 3) === RUN ? 1 : block >> 3);
  }
  return (descriptor >> 2) & 1 ? at + 4 : at;
}
