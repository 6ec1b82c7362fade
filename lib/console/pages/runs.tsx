/** @jsxImportSource hono/jsx */
// deno-lint-ignore-file jsx-key -- a list is rendered once, on the server
import { parseDuration } from "../../base/time/duration.ts";
import type { Found } from "../../invocation/insight/operator_view.ts";
import type { RunQuery, RunSummary } from "../../invocation/insight/run.ts";
import { noOutcomes } from "../../invocation/outcome.ts";
import { plural } from "../format.ts";
import { Field } from "../parts/form.tsx";
import { page, type Place } from "../parts/layout.tsx";
import { RunsTable } from "../parts/runs_table.tsx";
import { Silent, Time } from "../parts/text.tsx";
import { paths } from "../paths.ts";

const LIMIT = 200;
const SPANS = [["", "as far back as there are records"], ["15m", "15 minutes"], ["1h", "1 hour"], ["1d", "1 day"], [
  "7d",
  "7 days",
]];
const OUTCOMES = Object.keys(noOutcomes()) as RunSummary["outcome"][];

/** What was typed into the search. */
export type RunSearch = Readonly<Record<"function" | "outcome" | "text" | "since" | "trace", string>>;

export function readRunSearch(query: Record<string, string[]>): RunSearch {
  const one = (name: string) => (query[name]?.[0] ?? "").trim().slice(0, 500);
  return {
    function: one("function"),
    outcome: one("outcome"),
    text: one("text"),
    since: one("since"),
    trace: one("trace"),
  };
}

/** @throws {WarrenError} `config` where the span of time is none */
export function runQuery(search: RunSearch, now: number): RunQuery {
  const { outcome, since } = search;
  return {
    function: search.function || undefined,
    outcome: OUTCOMES.find((one) => one === outcome),
    failed: outcome === "failed-any" || undefined,
    text: search.text || undefined,
    traceId: search.trace || undefined,
    since: since === "" ? undefined : now - parseDuration(since),
    limit: LIMIT,
  };
}

export interface RunsPageProps {
  readonly place: Place;
  readonly search: RunSearch;
  readonly found: Found<RunSummary>;
  readonly functions: readonly string[];
}

/** Runs of all runners that fit a search. */
export function runsPage({ place, search, found, functions }: RunsPageProps): string {
  return page({
    title: "Runs",
    place,
    section: "runs",
    children: (
      <>
        <h1>Runs</h1>
        <RunFilter search={search} functions={functions} />
        <section id="found" class="card" aria-label="Runs that were found">
          <Silent names={found.silent} />
          <p class="quiet" role="status">
            {plural(found.items.length, "run")}
            {found.items.length >= LIMIT ? " (the newest; there may be more)" : ""}, newest first.{" "}
            {found.since !== undefined && (
              <>
                Records go back to <Time at={found.since} date />.
              </>
            )}
          </p>
          {found.items.length > 0 && <RunsTable runs={found.items} caption="Runs that were found, newest first" />}
        </section>
      </>
    ),
  });
}

function RunFilter({ search, functions }: { search: RunSearch; functions: readonly string[] }) {
  return (
    <form
      class="filters card"
      role="search"
      action={paths.runs}
      hx-get={paths.runs}
      hx-trigger="input changed delay:250ms from:#text, change, submit"
      hx-target="#found"
      hx-select="#found"
      hx-swap="outerHTML show:none"
      hx-replace-url="true"
    >
      <Field id="text" label="Text in id, error, header or body">
        <input id="text" name="text" type="search" value={search.text} aria-keyshortcuts="/" autocomplete="off" />
      </Field>
      <Field id="function" label="Function">
        <input id="function" name="function" list="functions" value={search.function} autocomplete="off" />
        <datalist id="functions">{functions.map((name) => <option value={name}></option>)}</datalist>
      </Field>
      <Field id="outcome" label="Outcome">
        <select id="outcome" name="outcome">
          <option value="">any</option>
          <option value="failed-any" selected={search.outcome === "failed-any"}>all but completed</option>
          {OUTCOMES.map((outcome) => <option value={outcome} selected={search.outcome === outcome}>{outcome}</option>)}
        </select>
      </Field>
      <Field id="since" label="In the last">
        <select id="since" name="since">
          {SPANS.map(([value, label]) => <option value={value} selected={search.since === value}>{label}</option>)}
        </select>
      </Field>
      <button type="submit" class="main">Search</button>
    </form>
  );
}
