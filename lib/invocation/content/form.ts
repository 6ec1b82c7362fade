/** What no form has as its first character, as it is encoded there: JSON that `curl -d` sent without its type. */
const NO_FORM = /^\s*[{[]/;

/**
 * The fields of `application/x-www-form-urlencoded`, those that come several times as lists. A text that is no form,
 * without a `=` or with JSON in it, stays a text: `curl -d` gives this type to whatever it sends.
 */
export function decodeForm(text: string): Record<string, string | string[]> | string {
  if (text !== "" && (!text.includes("=") || NO_FORM.test(text))) return text;
  const fields = new Map<string, string | string[]>();
  for (const [name, value] of new URLSearchParams(text)) {
    const before = fields.get(name);
    if (before === undefined) fields.set(name, value);
    else if (Array.isArray(before)) before.push(value);
    else fields.set(name, [before, value]);
  }
  // Defines each: "__proto__" is a name as any other.
  return Object.fromEntries(fields);
}
