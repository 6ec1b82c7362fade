import { embeddedTest } from "../support/brokers.ts";
import { differences } from "./differences.ts";
import { conformance, runCase } from "./suite.ts";

for (const one of conformance) {
  if (differences[one.name]?.on === "embedded") continue;
  embeddedTest(`embedded: ${one.name}`, (url) => runCase(one, url));
}
