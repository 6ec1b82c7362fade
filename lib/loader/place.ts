import { isAbsolute, relative } from "node:path";

/** A position in a text. Line and column start at 1, as in editors. */
export interface Position {
  line: number;
  column: number;
}

/** A path for people: relative if it is below the working directory. */
export function displayPath(file: string): string {
  const path = relative(Deno.cwd(), file);
  return path === "" || path.startsWith("..") || isAbsolute(path) ? file : path;
}

/** `file:line:column`, which terminals and editors turn into a link. */
export function place(file: string, { line, column }: Position): string {
  return `${file}:${line}:${column}`;
}

/** How many characters of a line are shown. */
const WIDTH = 100;

/** The line at a position, with a caret under the column. */
export function codeFrame(text: string, { line, column }: Position): string {
  const whole = text.split(/\r?\n|[\u2028\u2029]/)[line - 1] ?? "";
  const start = column > WIDTH ? column - WIDTH / 2 : 0;
  const shown = whole.slice(start, start + WIDTH);
  // Tabs are kept, so that the caret lines up at any tab width.
  const indent = whole.slice(start, column - 1).replaceAll(/[^\t]/g, " ");
  return `  ${shown}\n  ${indent}^`;
}
