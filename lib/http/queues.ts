import { Hono } from "hono";
import type { OperatorView } from "../invocation/insight/operator_view.ts";
import { functionOf } from "./functions.ts";
import { Problem } from "./problem.ts";
import type { RunnerView } from "./runner_view.ts";

type Queues = Pick<OperatorView, "depths" | "orphans" | "purgeQueue" | "cancel">;

/** What waits on the broker, and what operators do about it: `/queues`, `/functions/:name/queue`, `/waiting/:id`. */
export function queueRoutes(runner: Pick<RunnerView, "function">, operator: Queues): Hono {
  return new Hono()
    .get("/queues", async (context) => {
      const [functions, orphans] = await Promise.all([operator.depths(), operator.orphans()]);
      return context.json({ functions, orphans });
    })
    .delete("/functions/:name/queue", async (context) => {
      const { name, queue } = functionOf(runner, context);
      if (queue === undefined) throw new Problem(409, "Conflict", `function "${name}" has no queue: it is broken`);
      const confirm = context.req.query("confirm");
      if (confirm !== queue) {
        const found = confirm === undefined ? "nothing" : `"${confirm}"`;
        const detail = `this deletes every message that waits in "${queue}": confirm it with ?confirm=${
          encodeURIComponent(queue)
        }; found ${found}`;
        throw new Problem(400, "Bad Request", detail);
      }
      return context.json({ function: name, queue, purged: await operator.purgeQueue(name) });
    })
    .delete("/waiting/:id", async (context) => {
      const id = context.req.param("id");
      if (await operator.cancel(id)) return context.json({ messageId: id, cancelled: true });
      const detail =
        `no message with the id "${id}" waits for a retry or a delay; one that is ready or runs is not cancelled`;
      throw new Problem(404, "Not Found", detail);
    });
}
