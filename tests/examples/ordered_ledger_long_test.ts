import { assertEquals } from "@std/assert";
import { join } from "node:path";
import { openLedger } from "../../examples/ordered_ledger/ledger.ts";
import { folder } from "../loader/folder.ts";
import { eventually } from "../support/eventually.ts";
import { exampleTest } from "./example.ts";

const ACCOUNTS = ["ann", "bob", "cleo", "dan"];
const POSTINGS = 60;

exampleTest("ordered_ledger", "two runners and a SIGKILL: each posting once, in order", async ({ start }) => {
  await using place = await folder();
  const path = join(place.path, "ledger.db");
  // The first one hosts the embedded broker, if that is the one; it is the second one that is killed.
  await using first = await start({ LEDGER: path });
  await using second = await start({ LEDGER: path });
  const headers = { "content-type": "application/json" };
  for (let n = 1; n <= POSTINGS; n++) {
    for (const account of ACCOUNTS) {
      const body = JSON.stringify({ account, amount: n });
      const response = await fetch(`${first.url}/functions/post`, { method: "POST", body, headers });
      assertEquals(response.status, 202, await response.text());
    }
    if (n === POSTINGS / 2) second.kill("SIGKILL");
  }
  using ledger = openLedger(path);
  const all = () => ACCOUNTS.map((account) => ledger.amounts(account));
  await eventually(() => all().every((amounts) => amounts.length === POSTINGS), { timeout: 60_000 });
  assertEquals(all(), ACCOUNTS.map(() => [...Array(POSTINGS).keys()].map((n) => n + 1)));
});
