import type { Run, RunQuery } from "../../../invocation/insight/run.ts";
import { firstIdAt } from "../run_id.ts";

export const DEFAULT_LIMIT = 50;
export const MAX_LIMIT = 500;

/** How many runs a query asks for. */
export function limitOf({ limit = DEFAULT_LIMIT }: Pick<RunQuery, "limit">): number {
  return Math.min(Math.max(1, Math.floor(limit)), MAX_LIMIT);
}

/** A condition in SQL, and its values in their order. */
export interface Condition {
  readonly sql: string;
  readonly values: readonly (string | number)[];
}

/** The rows that may match a query. A text is only a guess here: `mentions()` decides. */
export function conditionOf(query: RunQuery): Condition {
  const parts: string[] = ["1"];
  const values: (string | number)[] = [];
  const add = (sql: string, ...given: (string | number)[]) => {
    parts.push(sql);
    values.push(...given);
  };
  if (query.function !== undefined) add("function = ?", query.function);
  if (query.messageId !== undefined) add("message_id = ?", query.messageId);
  if (query.traceId !== undefined) add("trace_id = ?", query.traceId);
  if (query.outcome !== undefined) add("outcome = ?", query.outcome);
  if (query.failed) add("failed = 1");
  if (query.since !== undefined) add("id >= ?", firstIdAt(query.since));
  if (query.until !== undefined) add("id < ?", firstIdAt(query.until + 1));
  if (query.text !== undefined) {
    const pattern = `%${inJson(query.text).replace(/[\\%_]/g, "\\$&")}%`;
    add("(summary LIKE ? ESCAPE '\\' OR detail LIKE ? ESCAPE '\\')", pattern, pattern);
  }
  return { sql: parts.join(" AND "), values };
}

/** Whether the id, the error, a header or the body has the text, in any case of its letters. */
export function mentions(run: Run, text: string): boolean {
  const needle = text.toLowerCase();
  const has = (value: unknown) => typeof value === "string" && value.toLowerCase().includes(needle);
  if ([run.id, run.messageId, run.error?.type, run.error?.message, run.stack].some(has)) return true;
  if (run.body && !run.body.base64 && has(run.body.text)) return true;
  return Object.entries(run.headers).some(([name, value]) => has(name) || has(asText(value)));
}

function asText(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** A text as it stands within a JSON text. */
function inJson(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}
