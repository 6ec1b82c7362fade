import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { WarrenError } from "../../../lib/base/errors.ts";
import { allows, assertMayPublish } from "../../../lib/invocation/definition/publish_rules.ts";
import type { Publication } from "../../../lib/invocation/publication.ts";

const MAX_BODY = 1_000;

/** What a function's process can send, whatever the types say of it. */
type Sent = Partial<Record<keyof Publication, unknown>>;

function publishing(sent: Sent, publish: boolean | string[] = true): () => void {
  const whole = {
    exchange: "",
    routingKey: "q",
    body: new Uint8Array(1),
    properties: {},
    headers: {},
    delay: 0,
    ...sent,
  };
  return () => assertMayPublish({ name: "f", publish }, whole as Publication, MAX_BODY);
}

function refusal(sent: Sent, publish?: boolean | string[]): string {
  const error = assertThrows(publishing(sent, publish), WarrenError) as WarrenError;
  assertEquals(error.code, "refused");
  return error.message;
}

Deno.test("a function may publish everywhere, nowhere, or where its routes say", () => {
  publishing({ exchange: "shop", routingKey: "a.b" })();
  assertStringIncludes(refusal({}, false), 'may not publish to "q"');
  assertStringIncludes(refusal({ exchange: "shop" }, ["q"]), 'publish: ["shop/q"]');
  publishing({ exchange: "shop", routingKey: "sold.eu" }, ["q", "shop/sold.*"])();
});

Deno.test("a route is matched as a topic exchange does", () => {
  const cases: [route: string, key: string, matches: boolean][] = [
    ["a", "a", true],
    ["a", "b", false],
    ["a", "a.b", false],
    ["*", "a", true],
    ["*", "a.b", false],
    ["a.*", "a", false],
    ["*.b", "a.b", true],
    ["#", "", true],
    ["#", "a.b.c", true],
    ["a.#", "a", true],
    ["a.#", "a.b.c", true],
    ["a.#.z", "a.z", true],
    ["a.#.z", "a.b.c.z", true],
    ["a.#.z", "a.b.c", false],
    ["#.b.#", "a.b.c", true],
    ["#.b.#", "a.c", false],
    ["*.#", "", true],
    ["*.#.*", "a", false],
  ];
  for (const [route, key, matches] of cases) {
    assertEquals(allows([route], "", key), matches, `${route} ${key}`);
    assertEquals(allows([`x/${route}`], "x", key), matches, `x/${route} ${key}`);
    assertEquals(allows([route], "x", key), false, `${route} is of the default exchange`);
  }
});

Deno.test("only the first slash of a route is after the exchange", () => {
  assert(allows(["shop/a/b"], "shop", "a/b"));
  assert(!allows(["shop/a/b"], "shop/a", "b"));
  assert(allows(["/q"], "", "q"));
});

Deno.test("a route of many wildcards is decided", () => {
  assert(!allows([`${"#.".repeat(60)}z`], "", "a.".repeat(126) + "a"));
});

Deno.test("Warren's own exchanges are for nobody", () => {
  for (const exchange of ["warren.retry", "warren.", "warren.x"]) {
    assertStringIncludes(refusal({ exchange }), "which is Warren's own");
    refusal({ exchange }, ["warren.retry/#"]);
  }
  publishing({ exchange: "warrens" })();
});

Deno.test("names are texts of at most 255 bytes", () => {
  publishing({ exchange: "e".repeat(255), routingKey: "k".repeat(255) })();
  for (const name of [null, undefined, 5, {}, ["a"], "n".repeat(256), "é".repeat(128)]) {
    refusal({ exchange: name });
    refusal({ routingKey: name });
  }
});

Deno.test("a body is bytes, and not too many", () => {
  publishing({ body: new Uint8Array(MAX_BODY) })();
  for (const body of [null, "text", [1, 2], new Uint16Array(1), new ArrayBuffer(1)]) refusal({ body });
  const error = assertThrows(publishing({ body: new Uint8Array(MAX_BODY + 1) }), WarrenError) as WarrenError;
  assertEquals(error.code, "tooLarge");
});

Deno.test("properties are those that a message has, each of its type", () => {
  const properties = {
    contentType: "text/plain",
    contentEncoding: "gzip",
    deliveryMode: 2,
    priority: 255,
    correlationId: "c",
    replyTo: "r",
    expiration: "60000",
    messageId: "m",
    timestamp: new Date(),
    type: "t",
    userId: "guest",
    appId: "a",
    clusterId: undefined,
  };
  publishing({ properties })();
  const wrong: Record<string, unknown[]> = {
    contentType: [5, "t".repeat(256)],
    deliveryMode: [0, 3, "2", null],
    priority: [-1, 256, 1.5, NaN, "1"],
    expiration: [60, "1s", "-1", "1e3", ""],
    timestamp: [0, "now", new Date(NaN)],
    userId: [{}],
  };
  for (const [name, values] of Object.entries(wrong)) {
    for (const value of values) assertStringIncludes(refusal({ properties: { [name]: value } }), `with ${name}`);
  }
  for (const name of ["headers", "mandatory", "toString", "__proto__", "constructor"]) {
    assertStringIncludes(refusal({ properties: JSON.parse(`{"${name}": "x"}`) }), `unknown property "${name}"`);
  }
});

Deno.test("headers are plain values, not too deep and not too many", () => {
  const headers = {
    a: 1,
    b: "x",
    c: [1, { d: true }],
    e: null,
    f: new Date(),
    g: 1n,
    h: new Uint8Array(3),
    i: undefined,
  };
  publishing({ headers })();
  publishing({ headers: JSON.parse('{ "__proto__": 1, "constructor": "x" }') })();
  const round: Record<string, unknown> = {};
  round.round = round;
  const deep = JSON.parse(`${'{"a":'.repeat(40)}1${"}".repeat(40)}`);
  const wide = Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`h${i}`, 1]));
  const long = { long: "x".repeat(70_000) };
  const numbers = [NaN, Infinity, -Infinity, 2n ** 63n, -(2n ** 64n)].map((value) => ({ value }));
  const bytes = { bytes: "€".repeat(30_000) };
  const time = { time: new Date(NaN) };
  const wrong = [...numbers, bytes, time, null, undefined, "text", 5, [], round, deep, wide, long, { a: Symbol() }, {
    a: () => {},
  }];
  for (const headers of wrong) assertStringIncludes(refusal({ headers }), "headers");
});

Deno.test("an array of headers that claims four thousand million values is refused", () => {
  refusal({ headers: { sparse: new Array(2 ** 32 - 1) } });
});
