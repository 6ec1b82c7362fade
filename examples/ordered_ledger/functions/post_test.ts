import assert from "node:assert/strict";
import { run } from "warren/testing";
import { openLedger } from "../ledger.ts";
import * as post from "./post.ts";

async function withLedger(use: (path: string) => Promise<void>): Promise<void> {
  const path = await Deno.makeTempFile({ suffix: ".db" });
  Deno.env.set("LEDGER", path);
  try {
    await use(path);
  } finally {
    await Deno.remove(path);
  }
}

Deno.test("a posting that comes twice is posted once", () =>
  withLedger(async (path) => {
    const first = { properties: { messageId: "a" } };
    await run(post, { account: "ann", amount: 500 }, first);
    await run(post, { account: "ann", amount: 500 }, { ...first, redelivered: true });
    await run(post, { account: "ann", amount: -200 });
    using ledger = openLedger(path);
    assert.deepEqual(ledger.amounts("ann"), [500, -200]);
  }));

Deno.test("an amount that is no number of cents is a dead letter", async () => {
  const { next } = await run(post, { account: "ann", amount: 0.5 });
  assert.deepEqual(next, { kind: "deadLetter", reason: "rejected" });
});
