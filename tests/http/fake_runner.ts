import { type AppOptions, createApp } from "../../lib/http/app.ts";
import { WarrenError } from "../../lib/base/errors.ts";
import type { DeadLetterBox } from "../../lib/invocation/dead_letters/dead_letter_box.ts";
import type {
  FunctionDetail,
  FunctionView,
  Patience,
  PublishRequest,
  Readiness,
  ReplyView,
  RunnerView,
} from "../../lib/http/runner_view.ts";
import { FakeOperator } from "./fake_operator.ts";

/** A runner that keeps what is published, and answers as the test wants. */
export class FakeRunner implements RunnerView {
  readiness: Readiness = { ready: true, checks: [{ name: "runner", ok: true }] };
  views: FunctionView[] = [view("hello"), view("orders.created")];
  readonly published: { name: string; request: PublishRequest }[] = [];
  /** Where `/ws/amqp` leads. */
  broker: { hostname: string; port: number } | undefined;
  /** Whether request() answers nothing for as long as somebody waits. */
  silent = false;
  /** Of the last request(). */
  gone: AbortSignal | undefined;
  /** What request() answers; none in time where it is absent. */
  reply: ReplyView | undefined;
  /** The dead letters of every function. */
  box: DeadLetterBox | undefined;
  /** How often somebody asked for all functions. */
  listed = 0;
  /** What publish() throws. */
  failure: Error | undefined;

  ready(): Readiness {
    return this.readiness;
  }

  functions(): FunctionView[] {
    this.listed++;
    return this.views;
  }

  function(name: string): FunctionView | undefined {
    return this.views.find((view) => view.name === name);
  }

  endpoint(path: string): FunctionView | undefined {
    return this.views.find(({ http }) => http?.path === path);
  }

  detail(name: string): FunctionDetail | undefined {
    return this.function(name);
  }

  localBroker(): { hostname: string; port: number } | undefined {
    return this.broker;
  }

  deadLetters(name: string): DeadLetterBox {
    if (!this.box) throw new WarrenError("unavailable", `function "${name}" has no queue`);
    return this.box;
  }

  publish(name: string, request: PublishRequest): Promise<void> {
    if (this.failure) return Promise.reject(this.failure);
    this.published.push({ name, request });
    return Promise.resolve();
  }

  async request(name: string, request: PublishRequest, { gone }: Patience): Promise<ReplyView | undefined> {
    this.gone = gone;
    await this.publish(name, request);
    if (this.silent) await new Promise((resolve) => gone.addEventListener("abort", resolve));
    return this.reply;
  }
}

function view(name: string): FunctionView {
  const counts = { completed: 0, failed: 0, timedOut: 0, rejected: 0, crashed: 0, undecodable: 0, invalid: 0 };
  return { name, file: `/functions/${name}.ts`, state: "serving", queue: name, running: 0, counts };
}

export type FakeApiOptions = Partial<AppOptions>;

/** The app over a runner, and how to ask it something without a socket. */
export function fakeApi(options: FakeApiOptions = {}) {
  const { token, maxBody = 100, host = "127.0.0.1", ...others } = options;
  const runner = new FakeRunner();
  const operator = new FakeOperator();
  const app = createApp(runner, operator, { ...others, token, maxBody, host });
  const ask = async (path: string, init: RequestInit = {}) => await app.request(`http://localhost:8000${path}`, init);
  const post = (path: string, body: BodyInit | null, headers: Record<string, string> = {}) =>
    ask(path, { method: "POST", body, headers });
  return { runner, operator, app, ask, post };
}

/** The problem document in an answer; throws when it is none. */
export async function problemOf(response: Response): Promise<Record<string, unknown>> {
  const type = response.headers.get("content-type");
  if (type !== "application/problem+json") throw new Error(`expected a problem document, found ${type}`);
  return await response.json();
}
