/** What differs from one failure of a kind to the next. Longer patterns first: an id has numbers in it. */
const VARIABLE = [
  /"[^"]*"|'[^']*'|`[^`]*`|“[^”]*”|«[^»]*»/g,
  /\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?/g,
  // An id: letters and digits in one.
  /\b(?=[\w-]*\d)(?=[\w-]*[a-z_-])[\w-]{6,}\b/gi,
  /\d+(?:[.,]\d+)*/g,
];

/**
 * The message of an error with numbers, ids, times and quoted texts as `…`: failures of a kind have the same.
 *
 * @param most characters of the result
 */
export function withoutVariables(message: string, most = 300): string {
  let text = message.slice(0, 4 * most);
  for (const pattern of VARIABLE) text = text.replace(pattern, "…");
  return text.replace(/…(?:[-.,:/_]?…)+/g, "…").slice(0, most);
}
