import { assert, assertEquals } from "@std/assert";
import { firstIdAt, RunIds, timeOfId } from "../../../lib/telemetry/runs/run_id.ts";
import { failed } from "../ended.ts";
import { runOf } from "./stored.ts";

Deno.test("a record says where the message came from, how it went, and what came of it", () => {
  const run = runOf({
    messageId: "m/0",
    headers: { "warren-parent": "m", tenant: "a" },
    outcome: failed("no"),
    published: ["m/0/0"],
    attempt: 2,
  });
  const { messageId, parentId, published, attempt, outcome, error, queuedAt, exchange, routingKey, size } = run;
  assertEquals([messageId, parentId, published, attempt], ["m/0", "m", ["m/0/0"], 2]);
  assertEquals([outcome, error, queuedAt], ["failed", { type: "Error", message: "no" }, 500_000]);
  assertEquals([exchange, routingKey, size, run.body], ["shop", "new", 2, undefined]);
  assertEquals(run.headers, { "warren-parent": "m", tenant: "a" });
  assertEquals(run.properties.timestamp, "1970-01-01T00:08:20.000Z");
});

Deno.test("a record stays small, whatever the message has", () => {
  const deep: Record<string, unknown> = {};
  deep.self = deep;
  const headers = {
    ...Object.fromEntries(Array.from({ length: 1_000 }, (_, index) => [`header-${index}`, "x".repeat(5_000)])),
    big: 2n ** 70n,
    bytes: new Uint8Array(100_000),
    never: new Date(NaN),
    ["__proto__"]: "own",
    deep,
  };
  const run = runOf(
    { headers, outcome: failed("e".repeat(100_000), "s".repeat(100_000)), body: "b".repeat(1e6) },
    true,
  );
  assert(JSON.stringify(run).length < 60_000, String(JSON.stringify(run).length));
  assert(String(run.headers["…"]).startsWith("left out: header-"));
  assertEquals([run.body?.text.length, run.body?.truncated, run.size], [16_384, true, 1_000_000]);
});

Deno.test("odd values among headers are shown as JSON can", () => {
  const { headers } = runOf({
    headers: {
      big: 2n ** 70n,
      bytes: Uint8Array.of(1, 2),
      never: new Date(NaN),
      nothing: null,
      list: [1, "a", undefined],
    },
  });
  assertEquals(headers, {
    big: "1180591620717411303424",
    bytes: "AQI=",
    never: "an invalid date",
    nothing: null,
    list: [1, "a", null],
  });
});

Deno.test("a body is text where it is one, and base64 where not; a cut character does not make it bytes", () => {
  const body = (given: string | Uint8Array) => runOf({ body: given }, true).body;
  assertEquals(body("größe"), { text: "größe", base64: false, truncated: false });
  assertEquals(body(Uint8Array.of(255, 254)), { text: "//4=", base64: true, truncated: false });
  const long = body("x" + "ö".repeat(10_000));
  assertEquals([long?.base64, long?.truncated, long?.text.endsWith("ö")], [false, true, true]);
});

Deno.test("ids sort by time and by their order, and are never the same", () => {
  const ids = new RunIds("a");
  const made = [1_000, 1_000, 999, 2_000].map((time) => ids.next(time));
  assertEquals(made.toSorted(), made);
  assertEquals(new Set(made).size, 4);
  assertEquals(made.map(timeOfId), [1_000, 1_000, 1_000, 2_000]);
  const many = Array.from({ length: 50_000 }, () => ids.next(3_000));
  assertEquals([many.toSorted().join() === many.join(), new Set(many).size], [true, 50_000]);
  assert(firstIdAt(1_000) < made[0] && made[2] < firstIdAt(1_001));
  assert(new RunIds().next(1) !== new RunIds().next(1));
});
