// A byte order mark counts as a normal character: a name with one differs from the name without it.
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const encoder = new TextEncoder();

/** Up to this length a loop is faster than the platform's decoder and encoder. */
const SHORT = 48;
const codes: number[] = [];

/** Decodes UTF-8 within the bounds of `bytes`. Most texts are names: short and ASCII. */
export function decodeText(bytes: Uint8Array, start: number, end: number): string {
  const length = end - start;
  if (length > SHORT) return decoder.decode(bytes.subarray(start, end));
  codes.length = length;
  for (let i = 0; i < length; i++) {
    const byte = bytes[start + i];
    if (byte > 0x7f) return decoder.decode(bytes.subarray(start, end));
    codes[i] = byte;
  }
  // Made in one call: concatenated characters form a chain that every reader would first have to flatten.
  return String.fromCharCode(...codes);
}

/** Writes a text as UTF-8 and returns the number of bytes. Text that does not fit is cut between two characters. */
export function encodeText(text: string, bytes: Uint8Array, start: number, end: number): number {
  if (text.length > Math.min(SHORT, end - start)) return encodeSlowly(text, bytes, start, end);
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 0x7f) return encodeSlowly(text, bytes, start, end);
    bytes[start + i] = code;
  }
  return text.length;
}

/** The longest start of a text that has at most this many bytes. */
export function cutToBytes(text: string, most: number): string {
  return text.slice(0, encoder.encodeInto(text, new Uint8Array(most)).read);
}

function encodeSlowly(text: string, bytes: Uint8Array, start: number, end: number): number {
  return encoder.encodeInto(text, bytes.subarray(start, end)).written;
}
