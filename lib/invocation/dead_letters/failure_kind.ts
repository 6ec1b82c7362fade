/** What differs from one failure of a kind to the next. Longer patterns first: an id has numbers in it. */
const VARIABLE = [
  /"[^"]*"|'[^']*'|`[^`]*`|“[^”]*”/g,
  /\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?/g,
  // An id: letters and digits in one.
  /\b(?=[\w-]*\d)(?=[\w-]*[a-z_-])[\w-]{6,}\b/gi,
  /\d+(?:[.,]\d+)*/g,
];
const MAX_LENGTH = 200;

/** What failures have in common that are alike: the error's type, and its message with what varies as `…`. */
export function failureKind(type = "", message = ""): string {
  let text = `${type}: ${message}`.slice(0, 4 * MAX_LENGTH);
  for (const pattern of VARIABLE) text = text.replace(pattern, "…");
  return text.replace(/…(?:[-.,:/_]?…)+/g, "…").slice(0, MAX_LENGTH);
}
