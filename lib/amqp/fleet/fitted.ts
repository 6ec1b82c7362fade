/** What of a value fits into an answer. */
export interface Fitted {
  readonly value: unknown;
  /** How many items at the end of its list were left out. */
  readonly leftOut?: number;
}

const encoder = new TextEncoder();

/**
 * The value, with as many items of its list as fit: of the list that it is, or that it has as `items`.
 *
 * @param mostBytes as JSON. @default 1 MB
 * @throws {RangeError} where it is too large and has no list, or none that would help
 */
export function fitted(value: unknown, mostBytes = 1024 * 1024): Fitted {
  const size = bytesOf(value);
  if (size <= mostBytes) return { value };
  const items: unknown = Array.isArray(value) ? value : (value as { items?: unknown } | null)?.items;
  const tooLarge = () => new RangeError(`the answer has ${size} bytes, the most is ${mostBytes}`);
  if (!Array.isArray(items)) throw tooLarge();
  const withFirst = (count: number) =>
    Array.isArray(value) ? items.slice(0, count) : { ...value as object, items: items.slice(0, count) };
  let [fits, most] = [0, items.length];
  while (most - fits > 1) {
    const middle = Math.floor((fits + most) / 2);
    if (bytesOf(withFirst(middle)) <= mostBytes) fits = middle;
    else most = middle;
  }
  if (bytesOf(withFirst(fits)) > mostBytes) throw tooLarge();
  return { value: withFirst(fits), leftOut: items.length - fits };
}

/** @throws {TypeError} if it is not JSON */
function bytesOf(value: unknown): number {
  return encoder.encode(JSON.stringify(value) ?? "null").length;
}
