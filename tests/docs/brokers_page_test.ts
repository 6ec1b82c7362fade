import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { KNOWN_DIFFERENCES } from "../../lib/amqp/client/known_brokers.ts";
import { BROKERS, brokerTable, FEATURES, markdownTable, Proofs } from "./broker_table.ts";

const ROOT = new URL("../../", import.meta.url);
const read = (path: string) => Deno.readTextFileSync(new URL(path, ROOT));
const page = read("docs/brokers.md");

/** The cells of a Markdown table that begins with this header. */
function cellsOf(text: string, first: string): string[][] {
  const lines = text.split("\n");
  const from = lines.findIndex((line) => line.startsWith(`| ${first} `));
  const length = lines.slice(from).findIndex((line) => !line.startsWith("|"));
  const rows = lines.slice(from, from + length).map((line) => line.split("|").slice(1, -1).map((cell) => cell.trim()));
  return rows.filter((row) => !row.every((cell) => /^-+$/.test(cell)));
}

Deno.test("docs/brokers.md has the table as the tests and CI make it", () => {
  const table = brokerTable(new Proofs(read));
  assertEquals(cellsOf(page, "feature"), table, `write this into docs/brokers.md:\n\n${markdownTable(table)}\n`);
});

Deno.test("every cell of the table comes from a test that runs", () => {
  const proofs = new Proofs(read);
  const untested = FEATURES.flatMap((feature) =>
    BROKERS.filter((broker) => proofs.cell(feature, broker) === "not tested").map((broker) => [feature.feature, broker])
  );
  assertEquals(untested, []);
});

Deno.test("a test that is gone, or that CI does not run, is noticed", () => {
  const order = FEATURES.find(({ feature }) => feature === "`order`")!;
  const without = (what: string) => new Proofs((path) => read(path).replaceAll(what, ""));
  assertThrows(() => without("messages of one key").cell(order, "4.3"), Error, "has no test");
  const loops = FEATURES.find(({ feature }) => feature.startsWith("`CrashLoop`"))!;
  assertEquals(without("test:rabbitmq 4.3").cell(loops, "4.3"), "not tested");
  assertEquals(without("test:rabbitmq 4.3").cell(loops, "4.0"), "yes");
  const quorum = FEATURES.find(({ feature }) => feature === "The same with quorum queues")!;
  assertThrows(() => without("./delivery_test.ts").cell(quorum, "4.3"), Error, "does not run");
});

Deno.test("docs/brokers.md has every difference that the start tells", () => {
  const text = page.replace(/\s+/g, " ");
  assert(KNOWN_DIFFERENCES.length > 0);
  for (const { id, text: told } of KNOWN_DIFFERENCES) assertStringIncludes(text, told.replace(/^not tested: /, ""), id);
});
