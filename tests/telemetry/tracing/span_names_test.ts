import { assert } from "@std/assert";
import { ATTRIBUTES, SETTLED_ATTRIBUTES, SPANS } from "../../../lib/invocation/tracing/span_names.ts";

Deno.test("docs/tracing.md has every span and every attribute, with the words of the table", async () => {
  const text = await Deno.readTextFile(new URL("../../../docs/tracing.md", import.meta.url));
  const rows = text.split("\n").filter((line) => line.startsWith("|"))
    .map((line) => line.split("|").map((cell) => cell.trim()).slice(1, -1));
  const isThere = (...cells: string[]) => rows.some((row) => cells.every((cell, index) => row[index] === cell));
  for (const { operation, subject, kind, help } of Object.values(SPANS)) {
    assert(isThere(`\`${operation} …\``, subject, kind, help), `the row of the span "${operation}"`);
  }
  for (const [name, help] of Object.entries({ ...SETTLED_ATTRIBUTES, ...ATTRIBUTES })) {
    assert(isThere(`\`${name}\``, help), `the row of the attribute "${name}"`);
  }
});
