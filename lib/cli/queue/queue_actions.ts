import { workQueues } from "../../amqp/depth/depth_gauge.ts";
import { countQueues } from "../../amqp/depth/queue_counts.ts";
import { Publisher } from "../../amqp/publishing/publisher.ts";
import { purgeQueues } from "../../amqp/waiting/purge_queues.ts";
import { returnOrphans } from "../../amqp/waiting/return_orphans.ts";
import { WarrenError } from "../../base/errors.ts";
import type { CommandContext } from "../command.ts";
import { INTERRUPTED } from "../interrupt.ts";
import { type ActionContext, CONNECT_LIMIT } from "./queue_action.ts";

/** Something stayed that was meant to go. */
const PARTLY = 3;

export function checkPurge({ flags }: CommandContext): void {
  if (flags.has("yes") || (Deno.stdin.isTerminal() && !flags.has("json"))) return;
  throw new WarrenError("config", "purge deletes messages for good: say --yes, or answer the question on a terminal");
}

/** Deletes what is ready in the work queue of a function and in its partitions, or in the queue of that name. */
export async function purge(context: ActionContext): Promise<number> {
  const { connection, definitions, target, flags, print, printError } = context;
  const definition = definitions.find(({ name }) => name === target);
  const queues = definition ? workQueues(definition) : [target];
  const client = await connection.opened(AbortSignal.timeout(CONNECT_LIMIT));
  const [queue] = queues;
  const answers = await countQueues(client, queues);
  if (answers.get(queue) === "missing") {
    const why = definition ? "it is there once the function has run" : "no function in the folder has this name either";
    throw new WarrenError("missing", `there is no queue "${queue}"; ${why}`);
  }
  if (!flags.has("yes")) {
    const ready = [...answers.values()].reduce((sum, answer) => {
      return typeof answer === "object" && "ready" in answer ? sum + answer.ready : sum;
    }, 0);
    const typed = prompt(`This deletes all ${ready} messages in ${queue} for good. Type the queue's name to go on:`);
    if (typed !== queue) {
      printError("nothing was purged");
      return 1;
    }
  }
  const purged = await purgeQueues(client, queues);
  const count = [...purged.values()].reduce((sum, count) => sum + count, 0);
  if (flags.has("json")) print(JSON.stringify({ queue, purged: count, queues: Object.fromEntries(purged) }));
  else print(`${count} messages are gone from ${queue}; what consumers have and what waits for a retry is still there`);
  return 0;
}

/** Puts orphans back into the queues that are there again. */
export async function returnAll({ connection, flags, signal, print, printError }: ActionContext): Promise<number> {
  const client = await connection.opened(AbortSignal.timeout(CONNECT_LIMIT));
  const { depth, returned, missing, stopped } = await returnOrphans(client, new Publisher(connection), { signal });
  if (flags.has("json")) {
    print(JSON.stringify({ depth, returned, missing: Object.fromEntries(missing), stopped }));
  } else {
    print(`${returned} of ${depth} orphans are back in their queues`);
    for (const [queue, count] of missing) printError(`${count} wait for queue "${queue}", which is not there`);
  }
  if (stopped === "signal") return INTERRUPTED;
  return stopped !== undefined || missing.size > 0 ? PARTLY : 0;
}
