import { assertEquals } from "@std/assert";
import { routeTable } from "./route_table.ts";

Deno.test("the table of routes in docs/http.md is that of the API", () => {
  const page = Deno.readTextFileSync(new URL("../../docs/http.md", import.meta.url)).split("\n");
  const begin = page.findIndex((line) => /^\| route +\| what it does +\| token/.test(line));
  const end = page.findIndex((line, index) => index > begin && !line.startsWith("|"));
  assertEquals(page.slice(begin, end), routeTable(), "print it with: deno run -A tests/docs/route_table.ts");
});
