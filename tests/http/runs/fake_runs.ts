import { createApp } from "../../../lib/http/app.ts";
import type { RunsView } from "../../../lib/http/runs/runs_view.ts";
import type { LiveEvent } from "../../../lib/invocation/insight/operator_view.ts";
import type { Run, RunQuery } from "../../../lib/invocation/insight/run.ts";
import { Hub } from "../../../lib/telemetry/hub.ts";
import { FakeRunner } from "../fake_runner.ts";

/** Runs that keep what was asked, and answer with what the test says. */
export class FakeRuns implements RunsView {
  readonly queries: RunQuery[] = [];
  readonly asked: unknown[] = [];
  readonly hub: Hub;
  known: Run | undefined;

  constructor(limit?: number) {
    this.hub = new Hub({ limit });
  }

  runs(query: RunQuery) {
    this.queries.push(query);
    return Promise.resolve({ items: [], silent: [], since: 1 });
  }

  run(id: string) {
    return Promise.resolve(this.known?.id === id ? this.known : undefined);
  }

  story(messageId: string) {
    this.asked.push(["story", messageId]);
    return Promise.resolve({ items: [], silent: [] });
  }

  errors(name?: string) {
    this.asked.push(["errors", name]);
    return Promise.resolve({ items: [], silent: [] });
  }

  lines(query: { function?: string; limit?: number }) {
    this.asked.push(["lines", query]);
    return Promise.resolve({ items: [], silent: [] });
  }

  history(name: string) {
    return Promise.resolve(name === "hello" ? { function: name, step: 1, points: [] } : undefined);
  }

  follow(filter: { function?: string; kind?: LiveEvent["kind"] }, signal: AbortSignal) {
    return this.hub.follow(filter, signal);
  }
}

/** The API over such runs. */
export function runsApi({ limit, token }: { limit?: number; token?: string } = {}) {
  const runs = new FakeRuns(limit);
  const closing = new AbortController();
  const options = { token, maxBody: 100, host: "127.0.0.1", runs, closing: closing.signal };
  const app = createApp(new FakeRunner(), options);
  const ask = async (path: string, init: RequestInit = {}) => await app.request(`http://localhost:8000${path}`, init);
  return { runs, ask, closing };
}
