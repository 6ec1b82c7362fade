import { WarrenError } from "../../lib/base/errors.ts";
import type { Found, LiveEvent, OperatorView, PauseRequest } from "../../lib/invocation/insight/operator_view.ts";
import type { PauseResult } from "../../lib/invocation/insight/pause.ts";
import type { Run, RunQuery, RunSummary } from "../../lib/invocation/insight/run.ts";
import type { FakeWorld } from "./fake_world.ts";

/** Shows a world that a test can change, and keeps what is done to it. */
export class FakeOperator implements OperatorView {
  world: FakeWorld;
  silent: string[] = [];
  readonly paused: { name: string; request: PauseRequest }[] = [];
  readonly resumed: string[] = [];
  readonly purged: string[] = [];
  readonly canceled: string[] = [];
  readonly ran: string[] = [];
  /** How often somebody asked for all depths. */
  looks = 0;
  /** What depths() throws. */
  failure: Error | undefined;
  /** How many follow now. */
  followers = 0;
  #events: LiveEvent[] = [];
  #wake = () => {};

  constructor(world: FakeWorld) {
    this.world = world;
  }

  runs({ function: name, outcome, failed, text, limit = 50, messageId }: RunQuery): Promise<Found<RunSummary>> {
    const items = this.world.runs.filter((run) =>
      (name === undefined || run.function === name) && (outcome === undefined || run.outcome === outcome) &&
      (!failed || run.outcome !== "completed") && (messageId === undefined || run.messageId === messageId) &&
      (text === undefined || JSON.stringify(run).includes(text))
    );
    return Promise.resolve({ items: items.slice(0, limit), silent: this.silent, since: this.world.now - 86_400_000 });
  }

  run(id: string): Promise<Run | undefined> {
    return Promise.resolve(this.world.runs.find((run) => run.id === id));
  }

  story(messageId: string): Promise<Found<RunSummary>> {
    const items = this.world.runs.filter((run) => run.messageId === messageId || run.parentId === messageId);
    return Promise.resolve({ items: items.toSorted((a, b) => a.startedAt - b.startedAt), silent: this.silent });
  }

  errors(name: string) {
    return Promise.resolve({ items: this.world.errors.filter((one) => one.function === name), silent: this.silent });
  }

  lines() {
    return Promise.resolve({ items: [], silent: this.silent });
  }

  histories() {
    return Promise.resolve(this.world.histories);
  }

  history(name: string) {
    return Promise.resolve(this.world.histories.find((one) => one.function === name));
  }

  depths() {
    this.looks++;
    if (this.failure) return Promise.reject(this.failure);
    return Promise.resolve(this.world.depths);
  }

  depth(name: string) {
    return Promise.resolve(this.world.depths.find((one) => one.function === name));
  }

  runners() {
    return this.world.runners;
  }

  troubles() {
    return Promise.resolve(this.world.troubles);
  }

  emit(event: LiveEvent): void {
    this.#events.push(event);
    this.#wake();
  }

  async *follow(filter: { function?: string }, signal: AbortSignal): AsyncIterable<LiveEvent> {
    this.followers++;
    try {
      for (let at = 0; !signal.aborted;) {
        if (at === this.#events.length) {
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
            signal.addEventListener("abort", () => resolve(), { once: true });
          });
          continue;
        }
        const event = this.#events[at++];
        const name = event.kind === "run" ? event.run.function : event.function;
        if (filter.function === undefined || filter.function === name) yield event;
      }
    } finally {
      this.followers--;
    }
  }

  pause(name: string, request: PauseRequest): Promise<PauseResult | undefined> {
    this.paused.push({ name, request });
    return Promise.resolve(this.#knows(name) ? { standings: [], silent: [] } : undefined);
  }

  resume(name: string): Promise<PauseResult | undefined> {
    this.resumed.push(name);
    return Promise.resolve(this.#knows(name) ? { standings: [], silent: [] } : undefined);
  }

  runNow(name: string): Promise<{ messageId: string }> {
    const view = this.world.views.find((one) => one.name === name);
    if (!view?.schedule) return Promise.reject(new WarrenError("config", `function "${name}" has no schedule`));
    this.ran.push(name);
    return Promise.resolve({ messageId: `now-${name}` });
  }

  purgeQueue(name: string): Promise<number> {
    this.purged.push(name);
    return Promise.resolve(this.world.depths.find((one) => one.function === name)?.ready ?? 0);
  }

  cancel(messageId: string): Promise<boolean> {
    this.canceled.push(messageId);
    return Promise.resolve(this.world.runs.some((run) => run.messageId === messageId));
  }

  orphans() {
    return Promise.resolve(this.world.orphans);
  }

  #knows(name: string): boolean {
    return this.world.views.some((view) => view.name === name);
  }
}
