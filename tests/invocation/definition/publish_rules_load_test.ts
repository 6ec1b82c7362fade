import { assert, assertThrows } from "@std/assert";
import type { Publication } from "../../../lib/invocation/publication.ts";
import { assertMayPublish } from "../../../lib/invocation/definition/publish_rules.ts";

const publication: Publication = {
  exchange: "",
  routingKey: "a.".repeat(126) + "a",
  body: new Uint8Array(),
  properties: {},
  headers: {},
  delay: 0,
};

/** How long it takes to refuse a publication, in milliseconds. */
function refusal(more: Partial<Publication>, publish: boolean | string[] = true): number {
  const began = performance.now();
  assertThrows(() => assertMayPublish({ name: "f", publish }, { ...publication, ...more }, 1_000));
  return performance.now() - began;
}

Deno.test("a route of many wildcards, and an array that claims four thousand million values, are refused at once", () => {
  const took = [
    refusal({}, [`${"#.".repeat(60)}z`]),
    refusal({ headers: { sparse: new Array(2 ** 32 - 1) } as unknown as Publication["headers"] }),
  ];
  assert(took.every((each) => each < 1_000), `it took ${took} ms`);
});
