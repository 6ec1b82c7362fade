import { assertEquals } from "@std/assert";
import { embeddedTest } from "../support/brokers.ts";
import { differences } from "./differences.ts";
import { conformance, runCase } from "./suite.ts";

Deno.test("every conformance case has a name of its own, and every difference names a case", () => {
  const names = conformance.map(({ name }) => name);
  assertEquals(names.filter((name, index) => names.indexOf(name) !== index), []);
  assertEquals(Object.keys(differences).filter((name) => !names.includes(name)), []);
});

for (const one of conformance) {
  if (differences[one.name]?.on === "embedded") continue;
  embeddedTest(`embedded: ${one.name}`, (url) => runCase(one, url));
}
