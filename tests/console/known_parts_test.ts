import { assertEquals } from "@std/assert";
import { KnownParts } from "../../lib/console/known_parts.ts";

Deno.test("a page is shown without a part that fails or takes too long, and says why", async () => {
  const parts = new KnownParts(1);
  assertEquals(await parts.get("runs", Promise.resolve(1), 0), 1);
  assertEquals(await parts.get("depths", new Promise<number>(() => {}), 0), 0);
  assertEquals(await parts.get("troubles", Promise.reject<number>(new Error("the broker is gone")), 0), 0);
  assertEquals(parts.missing, ["depths: no answer in 0.001 s", "troubles: the broker is gone"]);
});
