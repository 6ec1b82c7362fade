import { accessFor, needsNoToken } from "../../lib/http/guards/access.ts";
import { OPERATIONS } from "../../lib/http/openapi/operations/operations.ts";

/** The table of routes in docs/http.md, by line, with cells that `deno fmt` would leave as they are. */
export function routeTable(): string[] {
  const rows = Object.entries(OPERATIONS).map(([route, { summary }]) => {
    const [method, path] = route.split(" ");
    return [`\`${route}\``, summary, needsNoToken(path) ? "none" : accessFor(method, path)];
  });
  const all = [["route", "what it does", "token"], ...rows];
  const widths = [0, 1, 2].map((column) => Math.max(...all.map((row) => row[column].length)));
  const line = (cells: string[]) => `| ${cells.map((cell, column) => cell.padEnd(widths[column])).join(" | ")} |`;
  return [line(all[0]), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)];
}

if (import.meta.main) console.log(routeTable().join("\n"));
