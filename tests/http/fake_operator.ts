import type { Depth } from "../../lib/invocation/insight/depth.ts";
import type { AnnouncedRunner } from "../../lib/invocation/insight/fleet.ts";
import type { LiveFilter, OperatorView, PauseRequest, Trouble } from "../../lib/invocation/insight/operator_view.ts";
import type { PauseResult } from "../../lib/invocation/insight/pause.ts";
import type { Run, RunQuery } from "../../lib/invocation/insight/run.ts";
import { WarrenError } from "../../lib/base/errors.ts";
import { Hub } from "../../lib/telemetry/hub.ts";

/** Keeps what operators ask for and do, and answers as the test wants. */
export class FakeOperator implements OperatorView {
  /** What was asked of runs. */
  readonly queries: RunQuery[] = [];
  readonly asked: unknown[] = [];
  readonly hub: Hub;
  known: Run | undefined;
  /** What was paused and resumed. */
  readonly pausing: { name: string; request: PauseRequest }[] = [];
  readonly resuming: { name: string; request: Pick<PauseRequest, "here"> }[] = [];
  /** What a pause or a resume gives. */
  result: PauseResult | undefined = { standings: [], silent: [] };
  fleet: AnnouncedRunner[] = [];
  found: Trouble[] = [];
  /** The depths, by function. */
  readonly measured = new Map<string, Depth>();
  orphaned: Awaited<ReturnType<OperatorView["orphans"]>> = [];
  /** Functions whose queue was purged. */
  readonly purged: string[] = [];
  /** Ids of messages that wait for a retry. */
  readonly waiting = new Set<string>();
  /** Functions that have a schedule, and those that were run. */
  readonly scheduled = new Set<string>();
  readonly ran: string[] = [];

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

  histories() {
    return Promise.resolve([]);
  }

  history(name: string) {
    return Promise.resolve(name === "hello" ? { function: name, step: 1, points: [] } : undefined);
  }

  follow(filter: LiveFilter, signal: AbortSignal) {
    return this.hub.follow(filter, signal);
  }

  depths(): Promise<readonly Depth[]> {
    return Promise.resolve([...this.measured.values()]);
  }

  depth(name: string): Promise<Depth | undefined> {
    return Promise.resolve(this.measured.get(name));
  }

  orphans(): ReturnType<OperatorView["orphans"]> {
    return Promise.resolve(this.orphaned);
  }

  troubles(): Promise<readonly Trouble[]> {
    return Promise.resolve(this.found);
  }

  purgeQueue(name: string): Promise<number> {
    this.purged.push(name);
    return Promise.resolve(this.measured.get(name)?.ready ?? 0);
  }

  cancel(messageId: string): Promise<boolean> {
    return Promise.resolve(this.waiting.delete(messageId));
  }

  runNow(name: string): Promise<{ messageId: string }> {
    if (!this.scheduled.has(name)) return Promise.reject(new WarrenError("config", `"${name}" has no schedule`));
    this.ran.push(name);
    return Promise.resolve({ messageId: `run-now/${name}` });
  }

  runners(): readonly AnnouncedRunner[] {
    return this.fleet;
  }

  pause(name: string, request: PauseRequest): Promise<PauseResult | undefined> {
    this.pausing.push({ name, request });
    return Promise.resolve(this.result);
  }

  resume(name: string, request: Pick<PauseRequest, "here">): Promise<PauseResult | undefined> {
    this.resuming.push({ name, request });
    return Promise.resolve(this.result);
  }
}
