import { Hono } from "hono";
import { overviewFragments, overviewPage } from "../pages/overview.tsx";
import { readWish, wishPath } from "../pages/overview_wish.ts";
import { BASE, paths } from "../paths.ts";
import { html, seeOther, type Site } from "../site.ts";

const LIVE = `${BASE}/live/overview`;

/** `/`: what needs attention, every function, recent runs, runners. */
export function overviewRoutes({ glances, streams, place }: Site): Hono {
  return new Hono()
    .get(paths.overview, async (context) => {
      const wish = readWish(context.req.queries());
      return html(overviewPage({ place, glance: await glances.look(), wish, live: wishPath(wish, LIVE) }));
    })
    .get(BASE, () => seeOther(paths.overview))
    .get(LIVE, (context) => {
      const wish = readWish(context.req.queries());
      return streams.stream(
        context,
        wishPath(wish, LIVE),
        async () => overviewFragments(await glances.look(), wish),
      );
    });
}
