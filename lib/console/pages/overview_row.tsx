/** @jsxImportSource hono/jsx */
import { count, cut, duration, percent } from "../format.ts";
import type { FunctionRow } from "../function_row.ts";
import { Sparkline } from "../parts/chart.tsx";
import { FunctionLink, State } from "../parts/text.tsx";
import { paths } from "../paths.ts";
import { type OverviewWish, wishPath } from "./overview_wish.ts";

/** The columns: a class where narrow screens leave one out, and the key that sorts by it. */
const COLUMNS: readonly [label: string, sort?: string, style?: string][] = [
  ["Function", "name"],
  ["Waiting", "waiting", "n"],
  ["Oldest", "oldest", "n wide"],
  ["Running", "running", "n mid"],
  ["Retrying", "retrying", "n mid"],
  ["Dead", "dead", "n"],
  ["A minute", "rate", "n mid"],
  ["p50", undefined, "n wide"],
  ["p95", "duration", "n wide"],
  ["Errors", "errors", "n"],
  ["Cold", undefined, "n wide"],
  ["Last hour", undefined, "mid"],
];

export function FunctionsHead({ wish }: { wish: OverviewWish }) {
  return (
    <thead>
      <tr>
        {COLUMNS.map(([label, sort, style]) => (
          <th
            scope="col"
            class={style}
            aria-sort={sort !== undefined && wish.sort === sort ? direction(sort) : undefined}
          >
            {sort === undefined
              ? label
              : <a href={wishPath({ ...wish, sort: wish.sort === sort ? "" : sort })}>{label}</a>}
          </th>
        ))}
      </tr>
    </thead>
  );
}

function direction(sort: string): "ascending" | "descending" {
  return sort === "name" ? "ascending" : "descending";
}

/** The cells of one function. */
export function FunctionCells({ row }: { row: FunctionRow }) {
  const { name, state, reason, depth, running, perMinute, failedPerMinute, p50, p95, coldStarts } = row;
  const dead = depth?.dead ?? 0;
  const why = row.trouble?.reason ?? reason;
  const link = `link-${encodeURIComponent(name)}`;
  return (
    <>
      <th scope="row">
        <FunctionLink name={name} id={link} /> <State state={state} />
        {why !== undefined && <span class="reason">{cut(why, 160)}</span>}
      </th>
      <td class="n">{count(depth?.ready)}</td>
      <td class="n wide">{duration(depth?.oldest)}</td>
      <td class="n mid">{count(running)}</td>
      <td class="n mid">{count(depth?.retrying)}</td>
      <td class={dead > 0 ? "n bad" : "n"}>
        {dead > 0
          ? (
            <a id={`${link}-dead`} href={paths.dead(name)} aria-label={`${count(dead)} dead letters of ${name}`}>
              {count(dead)}
            </a>
          )
          : count(depth?.dead)}
      </td>
      <td class="n mid">{count(perMinute)}</td>
      <td class="n wide">{duration(p50)}</td>
      <td class="n wide">{duration(p95)}</td>
      <td class={perMinute > 0 && failedPerMinute / perMinute > 0.05 ? "n bad" : "n"}>
        {percent(failedPerMinute, perMinute)}
      </td>
      <td class="n wide">{count(coldStarts)}</td>
      <td class="mid">
        <Sparkline history={row.history} />
      </td>
    </>
  );
}
