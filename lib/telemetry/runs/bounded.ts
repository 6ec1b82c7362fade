/** Characters of a text among fields. */
const MAX_TEXT = 1_024;
/** Bytes of a value that is no text. */
const MAX_BYTES = 256;
/** Tables in tables. */
const MAX_DEPTH = 4;

/**
 * Headers, properties or fields of a log line as plain JSON of about `limit` characters at most. Dates become ISO texts,
 * bytes become base64. What does not fit is named in the field `…`.
 */
export function boundedFields(fields: Readonly<Record<string, unknown>>, limit: number): Record<string, unknown> {
  const kept: Record<string, unknown> = {};
  const left: string[] = [];
  let size = 0;
  for (const name of Object.keys(fields)) {
    const value = plain(fields[name], 0);
    if (value === undefined) continue;
    const cost = name.length + (typeof value === "string" ? value.length : JSON.stringify(value).length) + 6;
    if (size + cost > limit) {
      left.push(name.slice(0, 100));
      continue;
    }
    size += cost;
    Object.defineProperty(kept, name, { value, enumerable: true, configurable: true, writable: true });
  }
  if (left.length > 0) kept["…"] = `left out: ${left.join(", ")}`.slice(0, MAX_TEXT);
  return kept;
}

/** A value as JSON has it; undefined for what has no place there. */
function plain(value: unknown, depth: number): unknown {
  switch (typeof value) {
    case "string":
      return cut(value, MAX_TEXT);
    case "number":
    case "boolean":
      return value;
    case "bigint":
      return String(value);
    case "object":
      return plainObject(value, depth);
    default:
      return undefined;
  }
}

function plainObject(value: object | null, depth: number): unknown {
  if (value === null) return null;
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "an invalid date" : value.toISOString();
  if (value instanceof Uint8Array) return cut(value.subarray(0, MAX_BYTES).toBase64(), MAX_TEXT);
  if (depth === MAX_DEPTH) return "…";
  if (Array.isArray(value)) return value.slice(0, 50).map((item) => plain(item, depth + 1) ?? null);
  const entries = Object.entries(value).slice(0, 50).map(([name, item]) => [cut(name, 100), plain(item, depth + 1)]);
  return Object.fromEntries(entries);
}

/** A text of so many characters at most. */
export function cut(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length)}…` : text;
}
