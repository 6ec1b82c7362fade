/** @jsxImportSource hono/jsx */
// deno-lint-ignore-file jsx-key -- a list is rendered once, on the server
import type { AnnouncedRunner } from "../../invocation/insight/fleet.ts";
import type { Trouble } from "../../invocation/insight/operator_view.ts";
import { count, listed, percent, plural } from "../format.ts";
import { type FunctionRow, selectRows } from "../function_row.ts";
import type { Glance } from "../glance.ts";
import { type Fragment, fragment, page, type Place, put } from "../parts/layout.tsx";
import { RunsTable } from "../parts/runs_table.tsx";
import { Missing, Silent, State, Time } from "../parts/text.tsx";
import { paths, troublePath } from "../paths.ts";
import { FunctionCells, FunctionsHead } from "./overview_row.tsx";
import { type OverviewWish, wishPath } from "./overview_wish.ts";

/** Rows on one page: who has more functions filters them. */
const MOST_ROWS = 200;
const MOST_RUNS = 12;

export interface OverviewProps {
  readonly place: Place;
  readonly glance: Glance;
  readonly wish: OverviewWish;
  readonly live: string;
}

/** Every part of the overview that changes, in the order of the page. */
export function overviewFragments(glance: Glance, wish: OverviewWish): Fragment[] {
  const { rows } = glance;
  const selected = selectRows(rows, wish);
  const shown = selected.slice(0, MOST_ROWS).map(rowFragment);
  return [
    fragment("trouble-words", troubleWords(glance)),
    fragment("troubles", <Troubles troubles={glance.troubles} />),
    fragment("missing", <Missing parts={glance.missing} />),
    fragment("tiles", <Tiles glance={glance} />),
    { ...fragment("rows", shown.map((row) => <tr id={row.id}>{put(row)}</tr>)), tag: "tbody", parts: shown },
    fragment("rows-words", rowsWords(selected.length, shown.length, rows.length)),
    fragment("recent", <Recent glance={glance} wish={wish} />),
    fragment("runners", <Runners runners={glance.runners} />),
  ];
}

function rowFragment(row: FunctionRow): Fragment {
  return { ...fragment(`f-${encodeURIComponent(row.name)}`, <FunctionCells row={row} />), tag: "tr" };
}

export function overviewPage({ place, glance, wish, live }: OverviewProps): string {
  const parts = new Map(overviewFragments(glance, wish).map((one) => [one.id, put(one)]));
  return page({
    title: glance.troubles.length > 0 ? `${plural(glance.troubles.length, "trouble")} · Overview` : "Overview",
    place,
    section: "overview",
    live,
    children: (
      <>
        <h1 class="hidden">Overview</h1>
        <p class="hidden" id="trouble-words" role="status">{parts.get("trouble-words")}</p>
        <div id="troubles">{parts.get("troubles")}</div>
        <div id="missing">{parts.get("missing")}</div>
        <div id="tiles">{parts.get("tiles")}</div>
        <section aria-labelledby="functions-title" class="card">
          <div class="bar">
            <h2 id="functions-title">Functions</h2>
            <Filter wish={wish} />
          </div>
          <div id="functions">
            <div class="scroll" role="group" aria-labelledby="functions-title" tabindex={0}>
              <table class="functions">
                <caption class="hidden">Functions, {wish.sort ? `sorted by ${wish.sort}` : "the worst first"}</caption>
                <FunctionsHead wish={wish} />
                <tbody id="rows">{parts.get("rows")}</tbody>
              </table>
            </div>
            <p class="quiet" id="rows-words" role="status">{parts.get("rows-words")}</p>
          </div>
        </section>
        <div class="two">
          <section aria-labelledby="recent-title" class="card">
            <div class="bar">
              <h2 id="recent-title">Recent runs</h2>
              <a href={paths.runs}>Search runs</a>
            </div>
            <div id="recent">{parts.get("recent")}</div>
          </section>
          <section aria-labelledby="runners-title" class="card">
            <h2 id="runners-title">Runners</h2>
            <div id="runners">{parts.get("runners")}</div>
          </section>
        </div>
      </>
    ),
  });
}

/** A search that works without a script, and as one types with one. */
function Filter({ wish }: { wish: OverviewWish }) {
  return (
    <form
      class="filter"
      role="search"
      action={paths.overview}
      hx-get={paths.overview}
      hx-trigger="input changed delay:150ms from:#filter, submit"
      hx-target="#functions"
      hx-select="#functions"
      hx-select-oob="#live"
      hx-swap="outerHTML show:none"
      hx-replace-url="true"
    >
      <label for="filter">Filter</label>
      <input id="filter" name="filter" type="search" value={wish.filter} autocomplete="off" aria-keyshortcuts="/" />
      {wish.sort !== "" && <input type="hidden" name="sort" value={wish.sort} />}
      {wish.hidden.map((name) => <input type="hidden" name="hide" value={name} />)}
      <button type="submit">Filter</button>
    </form>
  );
}

function troubleWords({ troubles, missing }: Glance): string {
  if (missing.length > 0 && troubles.length === 0) return "Not everything is known now.";
  if (troubles.length === 0) return "Nothing needs attention.";
  return `${plural(troubles.length, "thing needs", "things need")} attention: ${
    listed(troubles.map(({ title }) => title), 3)
  }.`;
}

function Troubles({ troubles }: { troubles: readonly Trouble[] }) {
  if (troubles.length === 0) return null;
  return (
    <section class="attention" aria-labelledby="attention-title">
      <h2 id="attention-title">
        Needs attention <span class="tag">{troubles.length}</span>
      </h2>
      <ol>
        {troubles.slice(0, 20).map((trouble) => <TroubleItem trouble={trouble} />)}
      </ol>
      {troubles.length > 20 && <p>{count(troubles.length - 20)} more are in the table below.</p>}
    </section>
  );
}

function TroubleItem({ trouble }: { trouble: Trouble }) {
  const { severity, title, reason, action, since, kind, function: name } = trouble;
  const path = troublePath(trouble);
  return (
    <li class={severity === "error" ? "error" : "warning"}>
      <p class="what">
        <span class="severity">{severity === "error" ? "Error" : "Warning"}</span>
        {path === undefined
          ? <b>{title}</b>
          : <a id={`trouble-${kind}-${encodeURIComponent(name ?? "")}`} href={path}>{title}</a>}
        {since !== undefined && (
          <span class="quiet">
            since <Time at={since} date={Date.now() - since > 86_400_000} />
          </span>
        )}
      </p>
      <p class="why">{reason}</p>
      <p class="next">{action}</p>
    </li>
  );
}

function Tiles({ glance: { rows, runners, checks } }: { glance: Glance }) {
  const total = (measure: (row: FunctionRow) => number | undefined) =>
    rows.reduce((sum, row) => sum + (measure(row) ?? 0), 0);
  const rate = total((row) => row.perMinute);
  const failed = total((row) => row.failedPerMinute);
  const dead = total((row) => row.depth?.dead);
  const bad = checks.filter(({ ok }) => !ok);
  const gone = runners.filter((one) => one.gone).length;
  const tiles: [name: string, value: string, tone?: string, detail?: string][] = [
    ["Waiting", count(total((row) => row.depth?.ready))],
    ["Running", count(total((row) => row.running))],
    ["Retrying", count(total((row) => row.depth?.retrying))],
    ["Dead", count(dead), dead > 0 ? "bad" : undefined],
    ["A minute", count(rate)],
    ["Errors", percent(failed, rate), rate > 0 && failed / rate > 0.05 ? "bad" : undefined],
    ["Cold starts", count(total((row) => row.coldStarts)), undefined, "in an hour"],
    ["Runners", count(runners.length - gone), gone > 0 ? "bad" : undefined, gone > 0 ? `${gone} gone` : undefined],
    ["Broker", bad.length === 0 ? "up" : "down", bad.length === 0 ? "good" : "bad", checkWords(bad)],
  ];
  return (
    <dl class="tiles">
      {tiles.map(([name, value, tone, detail]) => (
        <div>
          <dt>{name}</dt>
          <dd class={tone}>{value}{detail && <small>{detail}</small>}</dd>
        </div>
      ))}
    </dl>
  );
}

function checkWords(bad: Glance["checks"]): string | undefined {
  return bad.map(({ name, detail }) => detail ? `${name}: ${detail}` : name).join("; ") || undefined;
}

function rowsWords(selected: number, shown: number, all: number): string {
  if (all === 0) return "There is no function yet: put a file into functions/.";
  if (selected === 0) return "No function fits the filter.";
  if (selected > shown) return `The first ${count(shown)} of ${count(selected)}; filter to see others.`;
  return selected < all ? `${count(selected)} of ${count(all)} functions.` : `${plural(all, "function")}.`;
}

function Recent({ glance, wish }: { glance: Glance; wish: OverviewWish }) {
  const { items, silent } = glance.runs;
  const shown = items.filter((run) => !wish.hidden.includes(run.function)).slice(0, MOST_RUNS);
  const hide = (name: string) => wishPath({ ...wish, hidden: [...wish.hidden, name] });
  return (
    <>
      <Silent names={silent} />
      {wish.hidden.length > 0 && (
        <p class="note">
          Hidden: {listed(wish.hidden)}. <a id="show-all" href={wishPath({ ...wish, hidden: [] })}>Show all</a>
        </p>
      )}
      {shown.length === 0
        ? <p class="quiet">No run is recorded.</p>
        : <RunsTable runs={shown} caption="Recent runs, newest first" hide={hide} />}
    </>
  );
}

function Runners({ runners }: { runners: readonly AnnouncedRunner[] }) {
  if (runners.length === 0) return <p class="quiet">No runner announces itself.</p>;
  return (
    <ul class="runners">
      {runners.map((runner) => (
        <li>
          <p>
            <b>{runner.name}</b> <State state={runner.gone ? "gone" : "serving"} />{" "}
            {runner.self && <span class="tag">this one</span>}
          </p>
          <p class="quiet">
            {runner.host} · Warren {runner.version} · {plural(runner.functions.length, "function")} ·{" "}
            {count(runner.functions.reduce((sum, one) => sum + one.perMinute, 0))} a minute · {runner.gone
              ? (
                <>
                  last heard <Time at={runner.seenAt} />
                </>
              )
              : (
                <>
                  up since <Time at={runner.startedAt} date />
                </>
              )}
          </p>
        </li>
      ))}
    </ul>
  );
}
