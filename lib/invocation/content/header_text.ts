/** A header's value as text. Undefined if it cannot be converted, as a table with a key `toString`. */
export function headerText(value: unknown): string | undefined {
  try {
    return String(value);
  } catch {
    return undefined;
  }
}
