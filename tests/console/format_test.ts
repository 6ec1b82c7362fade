import { assertEquals } from "@std/assert";
import { bytes, count, cut, duration, listed, percent, plural } from "../../lib/console/format.ts";
import { paths, troublePath, withQuery } from "../../lib/console/paths.ts";

Deno.test("durations have the unit that a reader would say", () => {
  const texts = [0, 0.25, 12.4, 999, 1_500, 12_000, 59_999, 60_000, 611_000, 5_400_000, 90_000_000].map(duration);
  const expected = "0 ms,0.3 ms,12 ms,999 ms,1.5 s,12 s,60 s,1 min,10 min 11 s,1 h 30 min,1 d 1 h";
  assertEquals(texts.join(), expected);
  assertEquals([duration(undefined), duration(NaN), duration(-5)], ["–", "–", "0 ms"]);
});

Deno.test("numbers are grouped, and what is not known is a dash", () => {
  assertEquals([count(7), count(1_234_567), count(undefined)], ["7", "1\u202f234\u202f567", "–"]);
  assertEquals([bytes(214), bytes(1_200_000), bytes(16_000_000)], ["214 B", "1.2 MB", "16 MB"]);
  assertEquals([percent(0, 0), percent(0, 9), percent(1, 250), percent(81, 100)], ["–", "0 %", "0.4 %", "81 %"]);
  assertEquals([plural(1, "run"), plural(2, "run")], ["1 run", "2 runs"]);
  assertEquals([cut("abc", 3), cut("abcd", 3)], ["abc", "ab…"]);
  assertEquals([listed([]), listed(["a"]), listed(["a", "b", "c"]), listed(["a", "b", "c"], 1)], [
    "",
    "a",
    "a, b and c",
    "a and 2 more",
  ]);
});

Deno.test("addresses keep every name whole", () => {
  assertEquals(paths.function("a/b?c"), "/console/functions/a%2Fb%3Fc");
  assertEquals(paths.message(".."), "/console/messages?id=..");
  assertEquals(
    withQuery(paths.message("m"), { done: "none", empty: "", none: undefined }),
    "/console/messages?id=m&done=none",
  );
});

Deno.test("a trouble leads to a page of the console, whatever its address says", () => {
  const trouble = { severity: "error", kind: "x", title: "", reason: "", action: "" } as const;
  const lead = (href?: string, name?: string) => troublePath({ ...trouble, href, function: name });
  assertEquals(lead("/functions/pay"), "/console/functions/pay");
  assertEquals(lead("/console/queues"), "/console/queues");
  assertEquals(lead("https://example.com/", "pay"), "/console/functions/pay");
  assertEquals([lead("//example.com"), lead("javascript:alert(1)"), lead()], [undefined, undefined, undefined]);
});
