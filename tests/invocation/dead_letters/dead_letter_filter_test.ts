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
import { failureKind } from "../../../lib/invocation/dead_letters/failure_kind.ts";

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

Deno.test("an empty list of ids means none, and no list of anything means all", () => {
  const one = letter({ id: "a" });
  assert(!meansAll({ ids: [] }) && !meansAll({ ids: ["a"] }) && !meansAll({ text: "" }) && !meansAll({ kind: "" }));
  assert(!matches({ ids: [] }, one));
  assert(matches({ ids: ["b", "a"] }, one));
  assert(!matches({ ids: ["a"] }, letter()));
});

Deno.test("a text is found in the id, the error, a header and the body, whatever its case", () => {
  const body = new TextEncoder().encode('{"customer":"Ada"}');
  const one = letter({ id: "m-1", errorType: "TypeError", error: "no total", headers: { tenant: "ACME", n: 7 }, body });
  for (const text of ["M-1", "typeerror", "TOTAL", "acme", "7", "ada"]) assert(matches({ text }, one), text);
  assert(!matches({ text: "bob" }, one));
  assert(matches({ text: "x" }, letter({ body: new Uint8Array([0xff, 0x78]) })));
});

Deno.test("failures are of one kind when they differ in numbers, ids, times and quoted texts", () => {
  const kind = (error: string) => failureKind("TypeError", error);
  assertEquals(kind('order 17: "a" at 2026-03-02T03:12:40Z'), kind('order 4711: "b,c" at 2026-03-03T00:00:00.5Z'));
  assertEquals(kind("no 6ba7b810-9dad-11d1-80b4-00c04fd430c8"), kind("no 7c9e6679-7425-40de-944b-e07fc1f90ae7"));
  assert(kind("no total") !== kind("no price"));
  assertEquals(failureKind("TypeError", "x") === failureKind("RangeError", "x"), false);
  assertEquals(kind("a ".repeat(10_000)).length, 200);
  const one = letter({ errorType: "TypeError", error: "order 17 failed" });
  assert(matches({ kind: failureKind("TypeError", "order 99 failed") }, one));
  assert(!matches({ kind: failureKind("TypeError", "order 99 is late") }, one));
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
