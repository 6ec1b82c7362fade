import { type Context, Hono } from "hono";
import type { Jobs } from "../http/jobs.ts";
import { refuseOtherMethods } from "../http/guards/methods.ts";
import type { Pages } from "../http/pages.ts";
import type { ConsoleOptions, openConsole } from "./console.ts";
import { BASE, isAssetPath, isPage } from "./paths.ts";

/** The console. Its code is loaded with the first request for it: a runner that nobody looks at does not pay for it. */
export function consoleWhenAsked(
  runner: Parameters<typeof openConsole>[0],
  operator: Parameters<typeof openConsole>[1],
  options: ConsoleOptions,
): Pages {
  let opened: Promise<Pages> | undefined;
  const pages = () =>
    opened ??= import("./console.ts").then(({ openConsole }) => openConsole(runner, operator, options));
  return {
    routes(jobs) {
      let app: Promise<Hono> | undefined;
      const forward = async (context: Context) => {
        app ??= pages().then((opened) => loadedApp(opened, jobs));
        const response = await (await app).fetch(context.req.raw);
        return response.status === 404 && response.body === null ? context.notFound() : response;
      };
      return new Hono().all("/", forward).all(BASE, forward).all(`${BASE}/*`, forward);
    },
    isOpen: isAssetPath,
    problem: async (context, problem) =>
      isPage(context.req.path, context.req.header("accept")) ? (await pages()).problem(context, problem) : undefined,
  };
}

/** Problems, and paths that are not there, are left to the app that it is a part of. */
function loadedApp(pages: Pages, jobs: Jobs): Hono {
  const app = new Hono();
  app.use(refuseOtherMethods(app));
  app.route("/", pages.routes(jobs));
  app.notFound(() => new Response(null, { status: 404 }));
  app.onError((error) => {
    throw error;
  });
  return app;
}
