/** Joins the chunks into one array. Pass `size` if you know the total number of bytes. */
export function joinBytes(
  chunks: readonly Uint8Array[],
  size: number = sizeOf(chunks),
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

/** The number of bytes of all chunks together. */
export function sizeOf(chunks: readonly Uint8Array[]): number {
  return chunks.reduce((sum, { length }) => sum + length, 0);
}

/** A buffer with room for `needed` bytes: the given one, or one at least twice as large that begins with its `used` bytes. */
export function withRoom(buffer: Uint8Array, used: number, needed: number): Uint8Array {
  if (needed <= buffer.length) return buffer;
  const grown = new Uint8Array(Math.max(needed, 2 * buffer.length));
  grown.set(buffer.subarray(0, used));
  return grown;
}
