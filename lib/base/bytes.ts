/** The chunks as one array. Who knows the sum of their bytes gives it as `size`. */
export function joinBytes(
  chunks: readonly Uint8Array[],
  size: number = chunks.reduce((sum, { length }) => sum + length, 0),
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}
