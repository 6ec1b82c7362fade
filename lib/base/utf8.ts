// A mark at the beginning is a character like every other: a name that has one is not the name without it.
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const encoder = new TextEncoder();

/** Up to this length a loop is faster than the fixed cost of the platform's decoder and encoder. */
const SHORT = 48;
const codes: number[] = [];

/** A text from UTF-8 within the bounds of `bytes`; most are names, short and ASCII. */
export function decodeText(bytes: Uint8Array, start: number, end: number): string {
  const length = end - start;
  if (length > SHORT) return decoder.decode(bytes.subarray(start, end));
  codes.length = length;
  for (let i = 0; i < length; i++) {
    const byte = bytes[start + i];
    if (byte > 0x7f) return decoder.decode(bytes.subarray(start, end));
    codes[i] = byte;
  }
  // In one piece: added one by one they are a chain, which whoever reads the text has to walk first.
  return String.fromCharCode(...codes);
}

/** Writes a text as UTF-8 and gives how many bytes it has; what has no room is cut off between two characters. */
export function encodeText(text: string, bytes: Uint8Array, start: number, end: number): number {
  if (text.length > Math.min(SHORT, end - start)) return encodeSlowly(text, bytes, start, end);
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 0x7f) return encodeSlowly(text, bytes, start, end);
    bytes[start + i] = code;
  }
  return text.length;
}

/** The beginning of a text that has no more bytes than this. */
export function cutToBytes(text: string, most: number): string {
  return text.slice(0, encoder.encodeInto(text, new Uint8Array(most)).read);
}

function encodeSlowly(text: string, bytes: Uint8Array, start: number, end: number): number {
  return encoder.encodeInto(text, bytes.subarray(start, end)).written;
}
