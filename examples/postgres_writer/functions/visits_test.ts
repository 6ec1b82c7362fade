import assert from "node:assert/strict";
import { runBatch } from "warren/testing";
import type { Row } from "../database.ts";
import { config, type Visit, writeTo } from "./visits.ts";

const at = "2026-01-01T12:00:00Z";

Deno.test("the visits of a batch are inserted together, and a bad one is set apart", async () => {
  const inserted: (readonly Row[])[] = [];
  const visits = { config, default: writeTo((rows) => Promise.resolve(void inserted.push(rows))) };
  const reports = await runBatch<Visit>(visits, [{ page: "/", at }, { page: "/a", at: "yesterday" }, {
    page: "/b",
    at,
  }]);
  assert.deepEqual(reports.map(({ outcome }) => outcome), ["completed", "rejected", "completed"]);
  assert.deepEqual(inserted.map((rows) => rows.map(({ page }) => page)), [["/", "/b"]]);
});

Deno.test("if the database is down, all of them are tried again", async () => {
  const visits = { config, default: writeTo(() => Promise.reject(new Error("down"))) };
  const reports = await runBatch<Visit>(visits, [{ page: "/", at }, { page: "/b", at }]);
  assert.deepEqual(reports.map(({ next }) => next.kind), ["retry", "retry"]);
});
