import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { WarrenError } from "../../../lib/base/errors.ts";
import type { DeadLetter } from "../../../lib/invocation/dead_letters/dead_letter.ts";
import {
  matches,
  meansAll,
  nameAndValue,
  readCount,
  readFilter,
  readRate,
} from "../../../lib/invocation/dead_letters/dead_letter_filter.ts";

function letter(about: Partial<DeadLetter> = {}): DeadLetter {
  return { headers: {}, properties: {}, body: new Uint8Array(), size: 0, redriven: 0, ...about } as DeadLetter;
}

Deno.test("a filter that says nothing means all", () => {
  assert(meansAll({}));
  assert(meansAll(readFilter({})));
  assert(!meansAll({ headers: { a: "" } }));
  assert(!meansAll(readFilter({ olderThan: "0" })));
  assert(matches({}, letter()));
});

Deno.test("a message that does not say when it failed is of no age", () => {
  assert(!matches({ olderThan: 0 }, letter()));
  assert(!matches({ newerThan: 1e12 }, letter()));
});

Deno.test("ages are counted to the instant", () => {
  const now = Date.now();
  const old = letter({ failedAt: new Date(now - 1_000) });
  assertEquals([999, 1_000, 1_001].map((olderThan) => matches({ olderThan }, old, now)), [true, true, false]);
  assertEquals([999, 1_000, 1_001].map((newerThan) => matches({ newerThan }, old, now)), [false, true, true]);
});

Deno.test("a header matches by its text, and only where it is there", () => {
  const with7 = letter({ headers: { n: 7, yes: true } });
  assert(matches({ headers: { n: "7", yes: "true" } }, with7));
  assert(!matches({ headers: { none: "undefined" } }, with7));
  assert(!matches({ headers: { toString: "x" } }, with7));
  const odd = letter({ headers: { long: 2n ** 60n, table: { toString: "no function" } } });
  assert(matches({ headers: { long: "1152921504606846976" } }, odd));
  assert(!matches({ headers: { table: "x" } }, odd));
});

Deno.test("what is typed wrongly is quoted, with what was expected", () => {
  const wrong: [() => unknown, string][] = [
    [() => readFilter({ reason: "timedout" }), "did you mean timedOut?"],
    [() => readFilter({ reason: "completed" }), '"completed" is not a reason'],
    [() => readFilter({ olderThan: "yesterday" }), '"yesterday" is not a duration'],
    [() => readFilter({ id: "" }), "the filter id is empty"],
    [() => nameAndValue("=x"), 'name=value, found "=x"'],
    [() => readCount("--limit", "0"), 'from 1, found "0"'],
    [() => readRate("--rate", "-1"), 'found "-1"'],
  ];
  for (const [read, text] of wrong) {
    const error = assertThrows(read, WarrenError);
    assertEquals(error.code, "config");
    assertStringIncludes(error.message, text);
  }
});

Deno.test("a header that has no text matches nothing, and ends no walk through the dead letters", () => {
  assert(!matches({ headers: { table: "x" } }, letter({ headers: { table: { toString: "x" } } })));
});
