import type { Context, Hono, MiddlewareHandler } from "hono";
import { methodNotAllowed } from "hono/method-not-allowed";
import { Problem, problemResponse } from "../problem.ts";

/** Answers 405, with the methods that are there, where a path has routes of the app for other methods only. */
export function refuseOtherMethods(app: Hono): MiddlewareHandler {
  return methodNotAllowed({ app, onMethodNotAllowed });
}

function onMethodNotAllowed(context: Context, methods: string[]): Response {
  const allow = methods.join(", ");
  return problemResponse(context, new Problem(405, "Method Not Allowed", `allowed here: ${allow}`, { allow }));
}
