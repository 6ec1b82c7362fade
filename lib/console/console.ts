import { type Context, Hono } from "hono";
import type { Logger } from "../base/log.ts";
import type { Pages } from "../http/pages.ts";
import type { Problem } from "../http/problem.ts";
import type { RunnerView } from "../http/runner_view.ts";
import type { OperatorView } from "../invocation/insight/operator_view.ts";
import { assetRoutes } from "./assets.ts";
import { Glances } from "./glance.ts";
import { LiveStreams, type LiveStreamsOptions } from "./live/live_streams.ts";
import { problemPage, signInPage } from "./pages/problem.tsx";
import { isAssetPath, isPage } from "./paths.ts";
import { deadLetterRoutes } from "./routes/dead_letter_routes.ts";
import { functionRoutes } from "./routes/function_routes.ts";
import { overviewRoutes } from "./routes/overview_routes.ts";
import { queueRoutes } from "./routes/queue_routes.ts";
import { runRoutes } from "./routes/run_routes.ts";
import { html, type Site } from "./site.ts";
import type { Place } from "./parts/layout.tsx";

export interface ConsoleOptions {
  readonly place: Place;
  /** Bytes of a form. */
  readonly maxBody: number;
  /** How pages are kept up to date. @default 64 pages at most, each once a second */
  readonly live?: LiveStreamsOptions;
  readonly log?: Logger;
}

/**
 * The pages for people: `/` and everything below `/console/`.
 *
 * 1. The server renders each page, so that it can be read without a script, and has an address.
 * 2. Its script opens one event stream for it (`live/`), over which the parts that changed come as HTML.
 * 3. What somebody does is a form. It is answered with 303 and the address of the page that shows what became of it.
 * 4. Where there is a token, a page without it is the one that asks for it (`pages/problem.tsx`); the script keeps the token
 *    in its tab and asks again with the header.
 */
export function openConsole(runner: RunnerView, operator: OperatorView, options: ConsoleOptions): Pages {
  const { place, maxBody, live, log } = options;
  const glances = new Glances(runner, operator);
  const streams = new LiveStreams({ log, ...live });
  return {
    routes: (jobs) => siteRoutes({ runner, operator, glances, streams, jobs, place, maxBody }),
    isOpen: isAssetPath,
    problem: (context, problem) => problemResponse(context, problem, place),
  };
}

function siteRoutes(site: Site): Hono {
  const app = new Hono().route("/", assetRoutes());
  for (const routes of [overviewRoutes, functionRoutes, runRoutes, deadLetterRoutes, queueRoutes]) {
    app.route("/", routes(site));
  }
  return app;
}

function problemResponse({ req }: Context, problem: Problem, place: Place): Response | undefined {
  if (!isPage(req.path, req.header("accept"))) return undefined;
  const { status, title, message: detail, headers } = problem;
  const text = status === 401 ? signInPage() : problemPage({ status, title, detail, place });
  return html(text, status, headers);
}
