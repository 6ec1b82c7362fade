import type { Context } from "hono";
import { bodyOf } from "../http/publishing/body.ts";
import type { Jobs } from "../http/jobs.ts";
import { Problem } from "../http/problem.ts";
import type { OperatorView } from "../invocation/insight/operator_view.ts";
import type { FunctionDetail, RunnerView } from "../http/runner_view.ts";
import type { Glances } from "./glance.ts";
import type { LiveStreams } from "./live/live_streams.ts";
import type { Place } from "./parts/layout.tsx";

/** What all routes of the console share. */
export interface Site {
  readonly runner: RunnerView;
  readonly operator: OperatorView;
  readonly glances: Glances;
  readonly streams: LiveStreams;
  readonly jobs: Jobs;
  readonly place: Place;
  /** Bytes of a form. */
  readonly maxBody: number;
}

/** Scripts and styles of this server and nothing else: whatever a message or a name holds stays text. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join("; ");

export function html(text: string, status = 200, headers: Record<string, string> = {}): Response {
  return new Response(text, {
    status,
    headers: {
      ...headers,
      "content-type": "text/html; charset=utf-8",
      "content-security-policy": POLICY,
      "referrer-policy": "same-origin",
      "vary": "accept",
    },
  });
}

/** To the page that shows what became of a form. */
export function seeOther(path: string): Response {
  return new Response(null, { status: 303, headers: { location: path } });
}

/**
 * A form as it was sent.
 *
 * @throws {WarrenError} `tooLarge`
 * @throws {Problem} 415
 */
export async function formOf({ req }: Context, limit: number): Promise<URLSearchParams> {
  const type = req.header("content-type") ?? "application/x-www-form-urlencoded";
  if (!type.startsWith("application/x-www-form-urlencoded")) {
    throw new Problem(415, "Unsupported Media Type", `expected a form, found "${type}"`);
  }
  return new URLSearchParams(new TextDecoder().decode(await bodyOf(req.raw, limit)));
}

/** Text of a form's field, with the line ends that it had before the browser changed them. */
export function textOf(form: URLSearchParams, name: string): string {
  return (form.get(name) ?? "").replaceAll("\r\n", "\n");
}

/** The configuration of a function, where this runner has it. */
export function detailsOf({ runner }: Site, name: string): FunctionDetail | undefined {
  return runner.detail(name);
}

/** @throws {Problem} 422 unless the name was typed, so that nothing is deleted by one click */
export function assertTyped(form: URLSearchParams, name: string): void {
  const typed = (form.get("confirm") ?? "").trim();
  if (typed === name) return;
  throw new Problem(422, "Not Confirmed", `you typed "${typed}", and the name is "${name}"; nothing was deleted`);
}
