import { fuzz, summaryOf } from "./fuzz.ts";
import { Random } from "./random.ts";

Deno.test("a million frames that are wrong in many ways do the broker and its other clients no harm", async () => {
  console.log(summaryOf(await fuzz(Random.printed(), 1_000_000)));
});
