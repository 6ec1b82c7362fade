import { type Context, Hono } from "hono";
import { bodyOf } from "./body.ts";
import { Problem } from "./problem.ts";
import type { FunctionView, RunnerView } from "./runner_view.ts";

/** The content encodings that handlers get inflated. */
const ENCODINGS = ["gzip", "deflate"];
const MEDIA_TYPE = /^[!#$%&'*+.^_`|~\w-]+\/[!#$%&'*+.^_`|~\w-]+\s*(;.*)?$/;

/** `/functions`: what there is, how it stands, and a message for one of them. */
export function functionRoutes(runner: RunnerView, options: { maxBody: number }): Hono {
  return new Hono()
    .get("/functions", (context) => context.json({ functions: runner.functions() }))
    .get("/functions/:name", (context) => context.json(functionOf(runner, context)))
    .post("/functions/:name", async (context) => {
      const { name } = functionOf(runner, context);
      const contentType = mediaType(context);
      const contentEncoding = encoding(context);
      const messageId = idOf(context);
      const body = await bodyOf(context.req.raw, options.maxBody);
      await runner.publish(name, { body, contentType, contentEncoding, messageId });
      return context.json({ messageId }, 202);
    });
}

/** @throws {Problem} 404 */
export function functionOf(runner: RunnerView, context: Context): FunctionView {
  const name = context.req.param("name");
  const found = runner.functions().find((view) => view.name === name);
  if (!found) throw new Problem(404, "Not Found", `there is no function "${name}"; GET /functions lists them`);
  return found;
}

function mediaType(context: Context): string | undefined {
  const type = context.req.header("content-type");
  if (type === undefined) return undefined;
  if (!MEDIA_TYPE.test(type) || type.length > 255 || type.toLowerCase().startsWith("multipart/")) {
    throw new Problem(415, "Unsupported Media Type", `content type "${type}" cannot be the type of a message`);
  }
  return type;
}

function encoding(context: Context): string | undefined {
  const given = context.req.header("content-encoding")?.trim().toLowerCase();
  if (!given || given === "identity") return undefined;
  if (!ENCODINGS.includes(given)) {
    throw new Problem(
      415,
      "Unsupported Media Type",
      `content encoding "${given}" is not one of ${ENCODINGS.join(", ")}`,
      {
        "accept-encoding": ENCODINGS.join(", "),
      },
    );
  }
  return given;
}

function idOf(context: Context): string {
  const given = context.req.header("message-id");
  if (given === undefined) return crypto.randomUUID();
  if (given.length === 0 || new TextEncoder().encode(given).length > 255) {
    throw new Problem(400, "Bad Request", "Message-Id must have 1 to 255 bytes");
  }
  return given;
}
