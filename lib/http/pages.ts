import type { Context, Hono } from "hono";
import type { Jobs } from "./jobs.ts";
import type { Problem } from "./problem.ts";

/** What else is served on the API's port, for people: the console. */
export interface Pages {
  /** All routes; the work that they start is among the jobs of the API. */
  routes(jobs: Jobs): Hono;
  /** Whether a path needs no token, because it reveals nothing about this runner. */
  isOpen(path: string): boolean;
  /** A problem as a page, where a page was asked for. */
  problem(context: Context, problem: Problem): Response | undefined | Promise<Response | undefined>;
}
