import type { Run } from "../../../invocation/insight/run.ts";

/** What the runner says to the thread of the run records. */
export type ToWorker =
  | { readonly op: "open"; readonly folder: string; readonly keep: number; readonly age: number }
  | { readonly op: "write"; readonly runs: readonly Run[] }
  | { readonly op: "ask"; readonly id: number; readonly question: string; readonly payload: unknown }
  | { readonly op: "close" };

/** What it answers. */
export type FromWorker =
  | { readonly op: "wrote"; readonly count: number; readonly error?: string }
  | { readonly op: "answer"; readonly id: number; readonly value?: unknown; readonly error?: string }
  /** Something to log. */
  | { readonly op: "trouble"; readonly text: string }
  | { readonly op: "closed" };
