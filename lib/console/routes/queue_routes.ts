import { Hono } from "hono";
import { Problem } from "../../http/problem.ts";
import { KnownParts } from "../known_parts.ts";
import { queuesFragments, type QueuesGlance, queuesPage } from "../pages/queues.tsx";
import { BASE, paths, withQuery } from "../paths.ts";
import { assertTyped, formOf, html, seeOther, type Site } from "../site.ts";

const LIVE = `${BASE}/live/queues`;

/** `/console/queues`: what waits where, and the ways to be rid of it. */
export function queueRoutes({ operator, streams, place, maxBody }: Site): Hono {
  const look = async (): Promise<QueuesGlance> => {
    const parts = new KnownParts();
    const [depths, orphans] = await Promise.all([
      parts.get("depths", operator.depths(), []),
      parts.get("queues that nobody serves", operator.orphans(), []),
    ]);
    return { depths, orphans, missing: parts.missing };
  };
  return new Hono()
    .get(paths.queues, async (context) => {
      const { purge, purged, messages } = context.req.query();
      const glance = await look();
      const queue = glance.depths.find((depth) => depth.function === purged)?.queue;
      const done = queue === undefined ? undefined : { queue, messages: Number(messages) || 0 };
      return html(queuesPage({ place, glance, live: LIVE, purge, purged: done }));
    })
    .get(LIVE, (context) => streams.stream(context, LIVE, async () => queuesFragments(await look())))
    .post(`${paths.queues}/purge/:name`, async (context) => {
      const name = context.req.param("name");
      const queue = (await operator.depth(name))?.queue;
      if (queue === undefined) throw new Problem(404, "Not Found", `function "${name}" has no queue that is known`);
      assertTyped(await formOf(context, maxBody), queue);
      const messages = await operator.purgeQueue(name);
      return seeOther(withQuery(paths.queues, { purged: name, messages: String(messages) }));
    });
}
