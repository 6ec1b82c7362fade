import { type Context, Hono } from "hono";
import { detailOf, summaryOf } from "../../invocation/dead_letters/dead_letter.ts";
import type { DeadLetterBox } from "../../invocation/dead_letters/dead_letter_box.ts";
import { bodyOf } from "../publishing/body.ts";
import { editFrom, redriveFrom, sweepFrom } from "./dead_letter_requests.ts";
import { functionOf } from "../functions.ts";
import type { Jobs } from "../jobs.ts";
import { asTheirs, Problem } from "../problem.ts";
import type { RunnerView } from "../runner_view.ts";

const LIST_LIMIT = 100;
/** Milliseconds. */
const PATIENCE = 2_000;

export interface DeadLetterRouteOptions {
  /** Bytes. */
  maxBody: number;
  /** @default 2_000 */
  patience?: number;
}

/** `/functions/:name/dead`: lists, redrives, edits and purges dead letters. */
export function deadLetterRoutes(runner: RunnerView, jobs: Jobs, options: DeadLetterRouteOptions): Hono {
  const { maxBody, patience = PATIENCE } = options;
  const boxOf = (context: Context): DeadLetterBox => runner.deadLetters(functionOf(runner, context).name);
  return new Hono()
    .get("/functions/:name/dead", async (context) => {
      const box = boxOf(context);
      const { dryRun: _, ...asked } = sweepFrom(context.req.queries());
      const deadLetters: ReturnType<typeof summaryOf>[] = [];
      const signal = context.req.raw.signal;
      const sweep = await box.list((letter) => deadLetters.push(summaryOf(letter)), {
        ...asked,
        limit: asked.limit ?? LIST_LIMIT,
        signal,
      });
      return context.json({ queue: box.queue, ...sweep, deadLetters });
    })
    .delete("/functions/:name/dead", async (context) => {
      const box = boxOf(context);
      const asked = sweepFrom(context.req.queries());
      const job = jobs.start(
        `purge ${box.queue}`,
        (signal, onProgress) => box.purge({ ...asked, signal, onProgress }),
      );
      return await jobs.answer(context, job, patience);
    })
    .post("/functions/:name/dead/redrive", async (context) => {
      const box = boxOf(context);
      const asked = redriveFrom(await bodyOf(context.req.raw, maxBody));
      const job = jobs.start(
        `redrive ${box.queue}`,
        (signal, onProgress) => box.redrive({ ...asked, signal, onProgress }),
      );
      return await jobs.answer(context, job, patience);
    })
    .get("/functions/:name/dead/:id", async (context) => {
      const letter = await boxOf(context).find(context.req.param("id"), { signal: context.req.raw.signal });
      return context.json(await detailOf(letter));
    })
    .put("/functions/:name/dead/:id", async (context) => {
      const box = boxOf(context);
      const id = context.req.param("id");
      const change = editFrom(await bodyOf(context.req.raw, maxBody));
      await box.edit(id, change).catch(asTheirs);
      return context.json({ messageId: id });
    })
    .delete("/functions/:name/dead/:id", async (context) => {
      const id = context.req.param("id");
      const sweep = await boxOf(context).purge({ filter: { id } });
      if (sweep.matched > 0) return context.json(sweep);
      throw new Problem(404, "Not Found", `there is no dead letter with the id "${id}"`);
    });
}
