import { isAbsolute, relative } from "node:path";

/** A position in a text: both from 1, as editors count. */
export interface Position {
  line: number;
  column: number;
}

/** A file as a person reads it: below the working directory without the way to it. */
export function displayPath(file: string): string {
  const path = relative(Deno.cwd(), file);
  return path === "" || path.startsWith("..") || isAbsolute(path) ? file : path;
}

/** `file:line:column`, which terminals and editors make a link of. */
export function place(file: string, { line, column }: Position): string {
  return `${file}:${line}:${column}`;
}

/** How many characters of a line are shown. */
const WIDTH = 100;

/** The line at a position, with a caret below the column. */
export function codeFrame(text: string, { line, column }: Position): string {
  const whole = text.split(/\r?\n|[\u2028\u2029]/)[line - 1] ?? "";
  const start = column > WIDTH ? column - WIDTH / 2 : 0;
  const shown = whole.slice(start, start + WIDTH);
  // Tabs stay tabs, so that the caret is below its column at any tab width.
  const indent = whole.slice(start, column - 1).replaceAll(/[^\t]/g, " ");
  return `  ${shown}\n  ${indent}^`;
}
