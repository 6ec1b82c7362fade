import { assertEquals } from "@std/assert";
import { Strays } from "../../../lib/serving/flow/strays.ts";
import type { Row } from "../../../lib/serving/row.ts";
import { rowOf } from "./rows.ts";

const AGAIN = { redelivered: true };

function strayOf(body: string): Row {
  return Object.assign(rowOf(body), { stray: true });
}

Deno.test("a run is found by another delivery of its message: the same id, route and bytes", () => {
  const strays = new Strays();
  const stray = strayOf("a");
  strays.add(stray);
  assertEquals(strays.find(rowOf("a", AGAIN)), stray);
  assertEquals(strays.find(rowOf("a")), undefined);
  assertEquals(strays.find(rowOf("b", { ...AGAIN, messageId: "a" })), undefined);
  assertEquals(strays.find(rowOf("a", { ...AGAIN, messageId: "b" })), undefined);
  strays.delete(stray);
  assertEquals(strays.find(rowOf("a", AGAIN)), undefined);
});

Deno.test("a run that another delivery waits for is not found again, until that one is done", () => {
  const strays = new Strays();
  const [one, two] = [strayOf("a"), strayOf("a")];
  strays.add(one);
  strays.add(two);
  const follower = one.follower = rowOf("a", AGAIN);
  assertEquals(strays.find(rowOf("a", AGAIN)), two);
  two.follower = rowOf("a", AGAIN);
  assertEquals(strays.find(rowOf("a", AGAIN)), undefined);
  follower.stage = "done";
  assertEquals(strays.find(rowOf("a", AGAIN)), one);
});
