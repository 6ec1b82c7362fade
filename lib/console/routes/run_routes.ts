import { Hono } from "hono";
import { asTheirs, Problem } from "../../http/problem.ts";
import type { OperatorView } from "../../invocation/insight/operator_view.ts";
import type { Run, RunSummary } from "../../invocation/insight/run.ts";
import { readRunSearch, runQuery, runsPage } from "../pages/runs.tsx";
import { type Story, storyFragments, storyPage } from "../pages/story.tsx";
import { BASE, paths, withQuery } from "../paths.ts";
import { formOf, html, seeOther, type Site } from "../site.ts";

/** Runs of a story whose log lines are shown; each is asked for by itself. */
const MOST_DETAILS = 20;

const LIVE = `${BASE}/live/messages`;

/** `/console/runs`, `/console/runs/:id` and `/console/messages`: what became of messages. */
export function runRoutes({ runner, operator, streams, place, maxBody }: Site): Hono {
  const live = (id: string, focus?: string) => withQuery(LIVE, { id, focus });
  return new Hono()
    .get(paths.runs, async (context) => {
      const search = readRunSearch(context.req.queries());
      const found = await operator.runs(queryOf(search));
      const functions = runner.functions().map(({ name }) => name).sort();
      return html(runsPage({ place, search, found, functions }));
    })
    .get(`${paths.runs}/:id`, async (context) => {
      const run = await operator.run(context.req.param("id"));
      if (!run) throw noRun(context.req.param("id"));
      const story = run.messageId === undefined
        ? { messageId: undefined, runs: [run], details: new Map([[run.id, run]]), silent: [] }
        : await storyOf(operator, run.messageId, new Map([[run.id, run]]));
      const stream = run.messageId === undefined ? undefined : live(run.messageId, run.id);
      return html(storyPage({ place, story, focus: run.id, live: stream }));
    })
    .get(`${BASE}/messages`, async (context) => {
      const { id = "", done } = context.req.query();
      return html(storyPage({ place, story: await storyOf(operator, id), done, live: live(id) }));
    })
    .get(LIVE, (context) => {
      const { id = "", focus } = context.req.query();
      let known: ReadonlyMap<string, Run> | undefined;
      return streams.stream(context, live(id, focus), async () => {
        const story = await storyOf(operator, id, known);
        known = story.details;
        return storyFragments(story, focus);
      });
    })
    .post(`${paths.runs}/cancel`, async (context) => {
      const id = (await formOf(context, maxBody)).get("id") ?? "";
      const done = await operator.cancel(id) ? "canceled" : "none";
      return seeOther(withQuery(paths.message(id), { done }));
    });
}

/** @param known runs that need not be asked for: a record does not change */
async function storyOf(
  operator: OperatorView,
  messageId: string,
  known: ReadonlyMap<string, Run> = new Map(),
): Promise<Story> {
  const { items, silent } = await operator.story(messageId);
  const missing = [...known.values()].filter((run) => !items.some(({ id }) => id === run.id));
  const runs: readonly RunSummary[] = [...items, ...missing];
  const last = runs.findLast((run) => run.messageId === messageId);
  const wanted = new Set([...runs.slice(0, MOST_DETAILS), ...last ? [last] : []].map(({ id }) => id));
  const found = await Promise.all([...wanted].map((id) => known.get(id) ?? operator.run(id)));
  const details = new Map([...known.values(), ...found].flatMap((run) => run ? [[run.id, run]] : []));
  return { messageId, runs, details, silent };
}

/** @throws {Problem} 400 */
function queryOf(search: ReturnType<typeof readRunSearch>) {
  try {
    return runQuery(search, Date.now());
  } catch (error) {
    asTheirs(error);
  }
}

function noRun(id: string): Problem {
  return new Problem(404, "Not Found", `no runner that answered has a run "${id}"; its records may be over`);
}
