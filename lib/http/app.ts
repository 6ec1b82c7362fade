import { type Context, Hono } from "hono";
import type { Logger } from "../base/log.ts";
import { describeError } from "../base/errors.ts";
import { isLoopback } from "../base/loopback.ts";
import { deadLetterRoutes } from "./dead_letters/dead_letters.ts";
import { functionRoutes } from "./functions.ts";
import { requireToken } from "./guards/access.ts";
import { auditWrites } from "./guards/audit.ts";
import { endpoints } from "./publishing/endpoints.ts";
import { assertGuarded, refuseOtherSites } from "./guards/guard.ts";
import { refuseOtherMethods } from "./guards/methods.ts";
import { nameSpan } from "./guards/request_span.ts";
import { dropUnread } from "./guards/unread_body.ts";
import { healthRoutes } from "./health.ts";
import { jobRoutes, Jobs } from "./jobs.ts";
import { pauseRoutes } from "./fleet/pauses.ts";
import { metricsRoutes, type MetricsView } from "./metrics.ts";
import { openApiRoutes } from "./openapi/openapi_route.ts";
import type { Pages } from "./pages.ts";
import { Problem, problemResponse, toProblem } from "./problem.ts";
import { queueRoutes } from "./queues.ts";
import { runnerRoutes } from "./fleet/runners.ts";
import { statusRoutes } from "./fleet/status.ts";
import type { RunnerView } from "./runner_view.ts";
import type { MessageEvents } from "../invocation/insight/message_event.ts";
import type { OperatorView } from "../invocation/insight/operator_view.ts";
import { logRoutes } from "./runs/logs.ts";
import { messageEventRoutes } from "./runs/message_events.ts";
import { OpenStreams } from "./runs/open_streams.ts";
import { runRoutes } from "./runs/runs.ts";
import { scaleRoutes } from "./scale.ts";
import { wsAmqpRoutes } from "./websocket/ws_amqp.ts";

export interface AppOptions {
  /** All routes but the health routes require this token. Undefined: everybody who reaches the API may use it. */
  token: string | undefined;
  /** A second token, which may only read. @default none */
  readToken?: string;
  /** Bytes. */
  maxBody: number;
  /** The address that it listens on. */
  host: string;
  /** What is served for people. @default nothing */
  pages?: Pages;
  log?: Logger;
  /** Aborts to close open WebSockets and jobs. */
  closing?: AbortSignal;
  /** Follows messages; without it the route of their events is not there. */
  messages?: MessageEvents;
  /** The metrics; without them their route is not there. */
  metrics?: MetricsView;
  /**
   * Milliseconds. If a job takes longer, the answer is 202 with the URL of the job, instead of the result.
   *
   * @default 2_000
   */
  patience?: number;
  /** How many event streams may be open. @default 1_000 */
  maxStreams?: number;
  /** Milliseconds that a client whose body is refused has to read why. @default 1_000 */
  linger?: number;
}

/**
 * The HTTP API as one hono app. Tests can call it without a socket.
 *
 * @throws {WarrenError} `config` if it would listen beyond loopback without a token
 */
export function createApp(runner: RunnerView, operator: OperatorView, options: AppOptions): Hono {
  assertGuarded(options.host, options.token);
  const app = new Hono();
  app.use(dropUnread(options.linger));
  if (nameSpan) app.use(nameSpan);
  app.use(async (context, next) => {
    await next();
    if (context.res.status === 101) return; // a WebSocket's answer cannot be changed
    context.res.headers.set("x-content-type-options", "nosniff");
    if (!context.res.headers.has("cache-control")) context.res.headers.set("cache-control", "no-store");
  });
  app.use(auditWrites(options.log));
  const tokens = { write: options.token, read: options.readToken };
  app.use(endpoints(runner, { tokens, ...options }));
  if (isLoopback(options.host)) app.use(refuseOtherSites());
  if (options.token !== undefined) app.use(requireToken(tokens, options.pages?.isOpen));
  app.use(refuseOtherMethods(app));
  app.route("/", healthRoutes(runner, { log: options.log, tokens }));
  app.route("/", runnerRoutes(operator));
  app.route("/", statusRoutes(operator));
  app.route("/", pauseRoutes(runner, operator));
  app.route("/", functionRoutes(runner, operator, options));
  app.route("/", runRoutes(operator));
  app.route("/", logRoutes(operator, { closing: options.closing, streams: new OpenStreams(options.maxStreams) }));
  if (options.messages) app.route("/", messageEventRoutes(options.messages, options));
  if (options.metrics) app.route("/", metricsRoutes(options.metrics));
  app.route("/", wsAmqpRoutes(runner, options));
  const jobs = new Jobs({ closing: options.closing });
  app.route("/", deadLetterRoutes(runner, jobs, options));
  app.route("/", jobRoutes(jobs));
  app.route("/", queueRoutes(runner, operator));
  app.route("/", scaleRoutes(runner, operator));
  app.route("/", openApiRoutes(() => app.routes, runner, { guarded: options.token !== undefined }));
  if (options.pages) app.route("/", options.pages.routes(jobs));
  const answer = async (context: Context, problem: Problem) =>
    await options.pages?.problem(context, problem) ?? problemResponse(context, problem);
  app.notFound((context) => answer(context, new Problem(404, "Not Found", `there is nothing at ${context.req.path}`)));
  app.onError((error, context) => {
    const problem = toProblem(error);
    if (problem.status === 500 && !(error instanceof Problem)) {
      options.log?.error(`HTTP: ${describeError(error)}`, { stack: error.stack });
    }
    return answer(context, problem);
  });
  return app;
}
