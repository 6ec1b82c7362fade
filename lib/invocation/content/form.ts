/** A character that encoded forms never start with. Then it is JSON that `curl -d` sent without its type. */
const NO_FORM = /^\s*[{[]/;

/**
 * The fields of `application/x-www-form-urlencoded`. Repeated fields become lists. A text that is no form, since it has
 * no `=` or contains JSON, stays a text: `curl -d` sends everything with this type.
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
  // Defines each field: "__proto__" is a name like any other.
  return Object.fromEntries(fields);
}
