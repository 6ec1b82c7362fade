import type { BatchHandler, FunctionConfig } from "warren";
import { createTables, sql } from "../database.ts";

/** Inserts up to 500 visits with one statement, at the latest a second after the first of them arrived. */
export const config = {
  batch: { size: 500, wait: "1s" },
  concurrency: 2,
  permissions: { net: ["127.0.0.1"], env: ["DATABASE_URL", "PG*"] },
} satisfies FunctionConfig;

export interface Visit {
  page: string;
  /** ISO 8601. */
  at: string;
}

await createTables();

const visits: BatchHandler<Visit> = async (messages) => {
  const fine = messages.filter((message) => {
    const { page, at } = message.body;
    const valid = typeof page === "string" && !Number.isNaN(Date.parse(at));
    // Only this one becomes a dead letter: the rest of the batch is inserted.
    if (!valid) message.reject("expected a page and a time");
    return valid;
  });
  if (fine.length === 0) return;
  const rows = fine.map(({ body: { page, at }, properties: { messageId } }) => ({ id: messageId!, page, at }));
  // A message that is delivered again has the same id.
  await sql`INSERT INTO visits ${sql(rows, "id", "page", "at")} ON CONFLICT (id) DO NOTHING`;
};
export default visits;
