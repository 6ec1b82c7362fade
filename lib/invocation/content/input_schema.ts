/**
 * The JSON schema (draft 2020-12) of a function's bodies. It comes from the function, so nothing but its size and depth
 * is certain.
 */
export type InputSchema = Readonly<Record<string, unknown>>;

/** Maximum length in characters of its JSON. A larger one is left out. */
export const MAX_INPUT_SCHEMA = 64 * 1024;
/** Maximum depth. Deeper JSON can be read, but writing it again could overflow the stack. */
const MAX_DEPTH = 100;

/** Reads a schema from JSON. Undefined if it is not an object, too large or too deep. Never throws. */
export function readInputSchema(text: string): InputSchema | undefined {
  if (text.length > MAX_INPUT_SCHEMA) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    return isObject && fits(value, MAX_DEPTH) ? value as InputSchema : undefined;
  } catch {
    return undefined;
  }
}

function fits(value: unknown, depth: number): boolean {
  if (typeof value !== "object" || value === null) return true;
  return depth > 0 && Object.values(value).every((inner) => fits(inner, depth - 1));
}
