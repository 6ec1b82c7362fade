import { paths, withQuery } from "../paths.ts";

/** What a reader asked to see of the overview. */
export interface OverviewWish {
  readonly filter: string;
  /** A column; empty for the worst first. */
  readonly sort: string;
  /** Functions whose runs are not shown. */
  readonly hidden: readonly string[];
}

/** A longer filter is cut, and more hidden functions are forgotten: all of it is in one address. */
const MOST_FILTER = 200;
const MOST_HIDDEN = 50;

export function readWish(query: Record<string, string[]>): OverviewWish {
  return {
    filter: (query.filter?.[0] ?? "").slice(0, MOST_FILTER),
    sort: query.sort?.[0] ?? "",
    hidden: [...new Set(query.hide ?? [])].slice(0, MOST_HIDDEN),
  };
}

/** The address of a page with that wish. */
export function wishPath(wish: OverviewWish, path = paths.overview): string {
  return withQuery(path, { filter: wish.filter, sort: wish.sort, hide: wish.hidden });
}
