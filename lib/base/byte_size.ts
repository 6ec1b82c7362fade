const UNITS = ["B", "KB", "MB", "GB"];

/**
 * Parses a number of bytes, as a number or as text like `256MB`. A KB is 1024 bytes.
 *
 * @throws {Error} that quotes the value
 */
export function parseByteSize(value: unknown): number {
  if (typeof value === "number" && Number.isFinite(value) && value >= 0) return Math.floor(value);
  const match = typeof value === "string" ? /^(\d+(?:\.\d+)?)\s*(B|KB|MB|GB)?$/i.exec(value.trim()) : null;
  if (!match) throw new Error(`expected bytes, as in 16MB, found ${JSON.stringify(value)}`);
  return Math.floor(Number(match[1]) * 1024 ** UNITS.indexOf((match[2] ?? "B").toUpperCase()));
}
