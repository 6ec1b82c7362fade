import type { Context } from "hono";
import { describeError, type ErrorCode, WarrenError } from "../base/errors.ts";
import { InvalidBody } from "../invocation/content/invalid_body.ts";

/** An error response: a JSON problem document, RFC 9457. */
export class Problem extends Error {
  readonly status: number;
  readonly title: string;
  readonly headers: Record<string, string>;
  /** Further members of the document. */
  readonly members: Record<string, unknown>;

  constructor(
    status: number,
    title: string,
    detail: string,
    headers: Record<string, string> = {},
    members: Record<string, unknown> = {},
  ) {
    super(detail);
    this.members = members;
    this.status = status;
    this.title = title;
    this.headers = headers;
  }
}

const STATUS: Partial<Record<ErrorCode, [status: number, title: string]>> = {
  missing: [404, "Not Found"],
  tooLarge: [413, "Content Too Large"],
  undecodable: [415, "Unsupported Media Type"],
  unavailable: [503, "Service Unavailable"],
  unroutable: [503, "Service Unavailable"],
  storage: [503, "Service Unavailable"],
  refused: [502, "Bad Gateway"],
};

/** Turns errors into HTTP responses. No other code does. */
export function toProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof InvalidBody) {
    const { issues, type } = error.failure;
    return new Problem(422, "Unprocessable Content", error.message, {}, { issues: issues ?? [], error: { type } });
  }
  const [status, title] = error instanceof WarrenError ? STATUS[error.code] ?? [] : [];
  if (status === undefined || title === undefined) {
    return new Problem(500, "Internal Server Error", "the runner failed to answer; its log says why");
  }
  return new Problem(status, title, describeError(error), status === 503 ? { "retry-after": "5" } : {});
}

/**
 * For errors in the request, not in the runner's own settings.
 *
 * @throws {Problem} 400 for `config` errors, otherwise the error itself
 */
export function asTheirs(error: unknown): never {
  if (error instanceof WarrenError && error.code === "config") throw new Problem(400, "Bad Request", error.message);
  throw error;
}

export function problemResponse(context: Context, problem: Problem): Response {
  const { status, title, message: detail, headers, members } = problem;
  const document = { ...members, type: "about:blank", title, status, detail, instance: context.req.path };
  return new Response(JSON.stringify(document) + "\n", {
    status,
    headers: { ...headers, "content-type": "application/problem+json" },
  });
}
