import { assertEquals } from "@std/assert";
import { Intake } from "../../../lib/serving/flow/intake.ts";
import { isSuspect } from "../../../lib/serving/flow/suspects.ts";
import type { Row } from "../../../lib/serving/row.ts";
import { bodyOf, rowOf } from "./rows.ts";

/** An intake, and in `did` where it put rows. */
function intake() {
  const did: string[] = [];
  const held = new Set<Row>();
  return {
    did,
    held,
    intake: new Intake({
      waiting: {
        add: (row) => void did.push(`${bodyOf(row)} waits`),
        addSuspect: (row) => void did.push(`${bodyOf(row)} is a suspect`),
        hold: (row) => void held.add(row),
        release: (row) => held.delete(row),
        forget: (row) => void held.delete(row),
      },
      ending: {
        isSuspect: ({ invocation }) => isSuspect(invocation),
        conclude: (row, outcome) => did.push(`${bodyOf(row)}: ${outcome.kind}`),
      },
      onRoom: () => did.push("room"),
    }),
  };
}

Deno.test("a message waits for a slot, a suspect for its turn, and one that surely ends its runners does not run", () => {
  const { intake: it, did } = intake();
  it.admit(rowOf("new"));
  it.admit(rowOf("returned", { returns: 1 }));
  it.admit(rowOf("suspect", { returns: 2 }));
  it.admit(rowOf("guilty", { returns: 5 }));
  assertEquals(did, ["new waits", "returned waits", "suspect is a suspect", "guilty: crashed"]);
});

Deno.test("of a message that keeps its place the runners count that ended, and not how often it was returned", () => {
  const { intake: it, did } = intake();
  it.admit(rowOf("innocent", { deaths: 0, returns: 9 }));
  it.admit(rowOf("suspect", { deaths: 1 }));
  it.admit(rowOf("guilty", { deaths: 3 }));
  assertEquals(did, ["innocent waits", "suspect is a suspect", "guilty: crashed"]);
});

Deno.test("a message that still runs here waits for the end of that run", () => {
  const { intake: it, did, held } = intake();
  const stray = rowOf("a");
  it.addStray(stray);
  assertEquals(stray.stray, true);
  const [follower, other] = [rowOf("a", { redelivered: true }), rowOf("b", { redelivered: true })];
  it.admit(follower);
  it.admit(other);
  assertEquals([did, [...held]], [["b waits"], [follower]]);
  it.forget(stray);
  assertEquals([did, held.size], [["b waits", "a waits", "room"], 0]);
});

Deno.test("a follower that went back meanwhile is not admitted", () => {
  const { intake: it, did, held } = intake();
  const stray = rowOf("a");
  it.addStray(stray);
  it.admit(rowOf("a", { redelivered: true }));
  held.clear();
  it.forget(stray);
  assertEquals(did, []);
});
