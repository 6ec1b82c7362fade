/** A line for a terminal: what a function or another runner says cannot move the cursor or change the colors. */
export function printable(line: string): string {
  // deno-lint-ignore no-control-regex
  return line.replaceAll(/[\x00-\x1f\x7f-\x9f]+/g, " ");
}

/** The text in so many columns: padded, or cut with an ellipsis. */
export function fit(text: string, width: number): string {
  const short = text.length > width ? `${text.slice(0, Math.max(width - 1, 0))}…` : text;
  return short.padEnd(width);
}
