import { assertEquals } from "@std/assert";
import { type Destination, type Matcher, MATCHERS, type Route } from "../../../lib/broker/routing/matchers.ts";
import { decodeTable, encodeTable, type FieldTable } from "../../../lib/broker/protocol/table.ts";
import { Random } from "../random.ts";

const NO_HEADERS = () => Object.create(null);

function destination(name: string): Destination {
  return { kind: "queue", name, durable: false };
}

function route(key: string, to = key, args: FieldTable = {}): Route {
  return { destination: destination(to), key, args };
}

/** Where a key, or headers, lead: the names, sorted. */
function matched(matcher: Matcher, key: string, headers: FieldTable = {}): string[] {
  const found = new Set<Destination>();
  matcher.match(key, () => decodeTable(encodeTable(headers)), found);
  return [...found].map(({ name }) => name).sort();
}

/** The pattern as a regular expression on words that each end with a dot. */
function expression(pattern: string): RegExp {
  const words = pattern === "" ? [] : pattern.split(".");
  const parts = words.map((word) =>
    word === "#" ? "([^.]*\\.)*" : word === "*" ? "[^.]*\\." : `${word.replace(/[^a-z]/g, "\\$&")}\\.`
  );
  return new RegExp(`^${parts.join("")}$`);
}

function dotted(key: string): string {
  return key === "" ? "" : `${key}.`;
}

Deno.test("a topic matches as the regular expression of its pattern does, while bindings come and go", () => {
  const random = new Random(10);
  const matcher = MATCHERS.topic();
  const words = (from: string[], most: number) =>
    Array.from({ length: random.int(most) }, () => random.pick(from)).join(".");
  const routes = new Map<string, Route>();
  for (let step = 0; step < 4_000; step++) {
    if (random.chance(0.3)) {
      const pattern = words(["a", "b", "*", "#", "#", ""], 6);
      const known = routes.get(pattern);
      if (known) {
        matcher.remove(known);
        routes.delete(pattern);
      } else {
        const added = route(pattern);
        routes.set(pattern, added);
        matcher.add(added);
      }
      continue;
    }
    const key = words(["a", "b", "c", ""], 7);
    const wanted = [...routes.keys()].filter((pattern) => expression(pattern).test(dotted(key))).sort();
    assertEquals(matched(matcher, key), wanted, JSON.stringify(key));
  }
});

Deno.test("a topic of many # and a key of many words are matched", () => {
  const matcher = MATCHERS.topic();
  for (let count = 1; count <= 30; count++) matcher.add(route(Array(count).fill("#.a").join(".")));
  assertEquals(matched(matcher, Array(120).fill("a").join(".")).length, 30);
  assertEquals(matched(matcher, `${Array(120).fill("a").join(".")}.b`).length, 0);
});

Deno.test("direct takes the same key, fanout any, and removed bindings take none", () => {
  for (const [type, wanted] of [["direct", ["a"]], ["fanout", ["a", "b"]]] as const) {
    const matcher = MATCHERS[type]();
    const routes = [route("a"), route("b")];
    for (const each of routes) matcher.add(each);
    assertEquals(matched(matcher, "a"), [...wanted]);
    for (const each of routes) matcher.remove(each);
    assertEquals(matched(matcher, "a"), []);
  }
});

const HEADERS: [what: string, args: FieldTable, headers: FieldTable, takes: boolean][] = [
  ["all of them", { "x-match": "all", a: 1, b: "x" }, { a: 1, b: "x", c: 2 }, true],
  ["all, and one is missing", { "x-match": "all", a: 1, b: "x" }, { a: 1 }, false],
  ["all is the default", { a: 1, b: "x" }, { a: 1 }, false],
  ["any of them", { "x-match": "any", a: 1, b: "x" }, { b: "x" }, true],
  ["any, and all differ", { "x-match": "any", a: 1, b: "x" }, { a: 2, b: "y" }, false],
  ["nothing, with all", { "x-match": "all" }, {}, true],
  ["nothing, with any", { "x-match": "any" }, {}, false],
  ["a value that only has to be there", { a: null }, { a: "whatever" }, true],
  ["a value that is not there", { a: null }, {}, false],
  ["x- is passed over", { a: 1, "x-b": 2 }, { a: 1 }, true],
  ["x- counts when asked", { "x-match": "all-with-x", a: 1, "x-b": 2 }, { a: 1 }, false],
  ["x- counts for any when asked", { "x-match": "any-with-x", a: 1, "x-b": 2 }, { "x-b": 2 }, true],
  ["numbers of other widths", { a: 5n }, { a: 5 }, true],
  ["text and bytes", { a: "é" }, { a: new TextEncoder().encode("é") }, true],
  ["lists", { a: [1, { b: null }] }, { a: [1, { b: null }] }, true],
  ["lists that differ", { a: [1, 2] }, { a: [1, 3] }, false],
  ["a number and its text", { a: 1 }, { a: "1" }, false],
];

for (const [what, args, headers, takes] of HEADERS) {
  Deno.test(`headers: ${what}`, () => {
    const matcher = MATCHERS.headers();
    matcher.add(route("", "q", decodeTable(encodeTable(args))));
    assertEquals(matched(matcher, "", headers), takes ? ["q"] : []);
  });
}

Deno.test("headers are only looked at where there is a binding", () => {
  MATCHERS.headers().match("", () => {
    throw new Error("looked at");
  }, new Set());
  MATCHERS.topic().match("a", NO_HEADERS, new Set());
});
