/** @jsxImportSource hono/jsx */
// deno-lint-ignore-file jsx-key -- a list is rendered once, on the server
import type { LiveEvent } from "../../invocation/insight/operator_view.ts";
import { LogLine } from "../pages/story.tsx";
import { errorText } from "../parts/runs_table.tsx";
import { type Fragment, fragment } from "../parts/layout.tsx";
import { plural } from "../format.ts";

/** Lines at a time; what comes faster than somebody reads is counted. */
const MOST_LINES = 100;

/** Collects what a function logs until the next look takes it. */
export class LogFeed {
  #lines: LiveEvent[] = [];
  #leftOut = 0;

  /** Collects until the events end. */
  async follow(events: AsyncIterable<LiveEvent>): Promise<void> {
    for await (const event of events) {
      if (event.kind === "run" && event.run.outcome === "completed") continue;
      if (this.#lines.length < MOST_LINES) this.#lines.push(event);
      else this.#leftOut++;
    }
  }

  /** What came since the last time, as lines that are added to the page. */
  take(): Fragment[] {
    const lines = this.#lines;
    const leftOut = this.#leftOut;
    this.#lines = [];
    this.#leftOut = 0;
    if (lines.length === 0) return [];
    const content = (
      <>
        {lines.map((event) => <Line event={event} />)}
        {leftOut > 0 && <p class="quiet">{plural(leftOut, "line")} left out</p>}
      </>
    );
    return [{ ...fragment("log", content), append: true }];
  }
}

function Line({ event }: { event: LiveEvent }) {
  if (event.kind === "log") return <LogLine line={event.line} runner={event.runner} />;
  const { run } = event;
  const message = `attempt ${run.attempt} ${run.outcome}: ${errorText(run)}`;
  return <LogLine line={{ time: run.endedAt, level: "error", message }} runner={run.runner} />;
}
