import { assert } from "@std/assert";
import { type Destination, MATCHERS } from "../../../lib/broker/routing/matchers.ts";

Deno.test("a topic of many # and a key of many words are matched in no time", () => {
  const matcher = MATCHERS.topic();
  const destination: Destination = { kind: "queue", name: "q", durable: false };
  for (let count = 1; count <= 30; count++) {
    matcher.add({ destination, key: Array(count).fill("#.a").join("."), args: {} });
  }
  const key = Array(120).fill("a").join(".");

  const started = performance.now();
  for (const each of [key, `${key}.b`]) matcher.match(each, () => ({}), new Set());

  const took = performance.now() - started;
  assert(took < 500, `it took ${Math.round(took)} ms`);
});
