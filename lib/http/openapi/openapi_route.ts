import { Hono } from "hono";
import type { RunnerView } from "../runner_view.ts";
import type { DocumentOptions, Route } from "./document.ts";

/**
 * `/openapi.json`: all routes of the app, described for programs. The descriptions are loaded with the first request,
 * since most runners never get one.
 *
 * @param routes called at each request, when the app has all of its routes
 */
export function openApiRoutes(
  routes: () => readonly Route[],
  runner: Pick<RunnerView, "functions">,
  options: DocumentOptions,
): Hono {
  return new Hono().get("/openapi.json", async (context) => {
    const { openApiDocument } = await import("./document.ts");
    return context.json(openApiDocument(routes(), runner.functions(), options));
  });
}
