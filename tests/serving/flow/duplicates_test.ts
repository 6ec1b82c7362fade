import { assertEquals } from "@std/assert";
import { Logger } from "../../../lib/base/log.ts";
import type { Verdict } from "../../../lib/serving/flow/dedupe.ts";
import { Duplicates } from "../../../lib/serving/flow/duplicates.ts";
import type { Row } from "../../../lib/serving/row.ts";
import { bodyOf, generationOf, rowOf } from "./rows.ts";

const VERDICTS: Record<string, Verdict> = {
  new: { kind: "run" },
  seen: { kind: "duplicate" },
  busy: { kind: "busy", for: 700 },
};

/** What becomes of rows, by what their bodies say. */
async function claimed(...start: Row[]) {
  const did: string[] = [];
  let rest: readonly Row[] = [];
  const duplicates = new Duplicates({
    dedupe: { claim: (row) => Promise.resolve(VERDICTS[bodyOf(row)]) },
    log: new Logger({ level: "silent" }),
    reports: { now: () => 5, ended: (row, { kind }, next) => did.push(`${bodyOf(row)}: ${kind}, ${next.kind}`) },
    finish: (row) => did.push(`${bodyOf(row)} is done`),
    putOff: (row, delay) => did.push(`${bodyOf(row)} waits ${delay} ms`),
    onClaimed: (claimed) => void (rest = claimed),
  });
  await duplicates.claim(start, generationOf());
  return { did, rest, count: duplicates.count };
}

Deno.test("of a start those run that are new, as one start", async () => {
  const [a, seen, busy, b] = [rowOf("new"), rowOf("seen"), rowOf("busy"), rowOf("new")];
  const { did, rest, count } = await claimed(a, seen, busy, b);
  assertEquals(did, ["seen: completed, ack", "seen is done", "busy waits 700 ms"]);
  assertEquals([count, seen.acks, seen.endedAt, seen.stage], [1, 1, 5, "settling"]);
  assertEquals([a.acks, busy.acks], [0, 0]);
  assertEquals([rest, a.start === rest, b.start === rest], [[a, b], true, true]);
});

Deno.test("a start of which nothing is left is reported as well", async () => {
  const { rest, count } = await claimed(rowOf("seen"), rowOf("seen"));
  assertEquals([rest, count], [[], 2]);
});

Deno.test("a row whose delivery is gone meanwhile is neither refused nor put off", async () => {
  const [seen, busy] = [rowOf("seen", { live: false }), rowOf("busy", { live: false })];
  const { did, rest, count } = await claimed(seen, busy);
  assertEquals([did, rest, count, seen.acks], [[], [seen, busy], 0, 0]);
});
