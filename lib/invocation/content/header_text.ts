/** A header's value as text; undefined where it has none: a table may have the key `toString`, which is no function. */
export function headerText(value: unknown): string | undefined {
  try {
    return String(value);
  } catch {
    return undefined;
  }
}
