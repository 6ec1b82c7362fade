import { assertEquals } from "@std/assert";
import { embeddedTest } from "../support/brokers.ts";
import { difference, differences } from "./differences.ts";
import { conformance, runCase, runDifferent } from "./suite.ts";

Deno.test("every conformance case has a name of its own, and every difference names a case", () => {
  const names = conformance.map(({ name }) => name);
  assertEquals(names.filter((name, index) => names.indexOf(name) !== index), []);
  assertEquals(differences.flatMap(({ cases }) => cases).filter((name) => !names.includes(name)), []);
});

for (const one of conformance) {
  const why = difference(one.name, "embedded");
  if (why) embeddedTest(`embedded does not: ${one.name}: ${why}`, (url) => runDifferent(one, url));
  else embeddedTest(`embedded: ${one.name}`, (url) => runCase(one, url));
}
