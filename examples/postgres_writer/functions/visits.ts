import type { BatchHandler, FunctionConfig } from "warren";
import { insertVisits, type Row } from "../database.ts";

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

/** The handler, for a test that has no database. */
export function writeTo(insert: (rows: readonly Row[]) => Promise<void>): BatchHandler<Visit> {
  return async (messages) => {
    const rows: Row[] = [];
    for (const message of messages) {
      const { body: { page, at }, properties: { messageId } } = message;
      const valid = typeof page === "string" && !Number.isNaN(Date.parse(at)) && messageId !== undefined;
      // Only this one becomes a dead letter: the rest of the batch is inserted.
      if (valid) rows.push({ id: messageId, page, at });
      else message.reject("expected a page, a time and a message id");
    }
    if (rows.length > 0) await insert(rows);
  };
}

export default writeTo(insertVisits);
