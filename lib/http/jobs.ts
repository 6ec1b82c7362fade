import { type Context, Hono } from "hono";
import { describeError } from "../base/errors.ts";
import type { Sweep } from "../invocation/dead_letters/dead_letter_box.ts";
import { endsWithin } from "../base/time/within.ts";
import { Problem } from "./problem.ts";

/** How many finished jobs are remembered. */
const MAX_FINISHED = 100;
const MAX_RUNNING = 16;

/** A job, as the API shows it: work that may take longer than a request should. */
export interface JobView extends Partial<Sweep> {
  id: string;
  /** What it does, as in `redrive hello.dead`. */
  work: string;
  state: "running" | "done" | "stopped" | "failed";
  startedAt: string;
  finishedAt?: string;
  error?: string;
}

/** The work. Gets the signal that stops it, and reports its progress. */
export type Work = (signal: AbortSignal, onProgress: (sweep: Sweep) => void) => Promise<Sweep>;

interface Job {
  view: JobView;
  readonly stop: AbortController;
  readonly result: Promise<Sweep>;
}

/** Jobs that continue after their request, until they finish or the process ends. */
export class Jobs {
  readonly #jobs = new Map<string, Job>();
  readonly #closing: AbortSignal | undefined;

  constructor(options: { closing?: AbortSignal } = {}) {
    this.#closing = options.closing;
  }

  /** @throws {Problem} 429 */
  start(work: string, run: Work): Job {
    const running = [...this.#jobs.values()].filter(({ view }) => view.state === "running").length;
    if (running >= MAX_RUNNING) {
      throw new Problem(429, "Too Many Requests", `${running} jobs are running; stop one: DELETE /jobs/:id`);
    }
    const stop = new AbortController();
    const view: JobView = { id: crypto.randomUUID(), work, state: "running", startedAt: new Date().toISOString() };
    const signal = this.#closing ? AbortSignal.any([stop.signal, this.#closing]) : stop.signal;
    const job: Job = { view, stop, result: run(signal, (sweep) => Object.assign(view, sweep)) };
    job.result.then(
      (sweep) => Object.assign(view, sweep, { state: sweep.stopped === "signal" ? "stopped" : "done" }),
      (error) => Object.assign(view, { state: "failed", error: describeError(error) }),
    ).then(() => view.finishedAt = new Date().toISOString());
    this.#forget();
    this.#jobs.set(view.id, job);
    return job;
  }

  /** The job's result if it is ready in time, otherwise 202 with the URL of the job. */
  async answer(context: Context, job: Job, patience: number): Promise<Response> {
    const done = await endsWithin(patience, job.result);
    if (!done) return context.json(job.view, 202, { location: `/jobs/${job.view.id}` });
    this.#jobs.delete(job.view.id);
    return context.json(await job.result);
  }

  /** The jobs that run and those that are remembered, newest first. */
  all(): JobView[] {
    return [...this.#jobs.values()].map(({ view }) => view).reverse();
  }

  /** @throws {Problem} 404 */
  find(id: string): Job {
    const job = this.#jobs.get(id);
    if (!job) throw new Problem(404, "Not Found", `there is no job "${id}", or it was forgotten`);
    return job;
  }

  #forget(): void {
    const finished = [...this.#jobs.values()].filter(({ view }) => view.state !== "running");
    for (const { view } of finished.slice(0, -MAX_FINISHED)) this.#jobs.delete(view.id);
  }
}

/** `/jobs/:id`: the progress and the result of a job. */
export function jobRoutes(jobs: Jobs): Hono {
  return new Hono()
    .get("/jobs/:id", (context) => context.json(jobs.find(context.req.param("id")).view))
    .delete("/jobs/:id", async (context) => {
      const job = jobs.find(context.req.param("id"));
      job.stop.abort();
      await job.result.catch(() => {});
      return context.json(job.view);
    });
}
