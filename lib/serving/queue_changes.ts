import type { Logger } from "../base/log.ts";
import type { FunctionDefinition } from "../invocation/definition/definition.ts";

/** Whether messages of one version can run on the other: they come from the same queue, or from its partitions. */
export function sameSource(one: FunctionDefinition, other: FunctionDefinition): boolean {
  return one === other ||
    JSON.stringify([one.queue, one.order]) === JSON.stringify([other.queue, other.order]);
}

/** Whether both versions consume in the same way, so that their consumer can stay. */
export function consumesAlike(one: FunctionDefinition, other: FunctionDefinition): boolean {
  const consumed = ({ queue, bindings, prefetch, order }: FunctionDefinition) =>
    JSON.stringify([queue, bindings, prefetch, order]);
  return consumed(one) === consumed(other);
}

/** Logs which queues the new version no longer consumes, although messages may wait there. */
export function tellLeft(log: Logger, { queue: { name }, order }: FunctionDefinition, now: FunctionDefinition): void {
  if (name !== now.queue.name) {
    log.warn(`it takes no more messages from queue "${name}", and none of that queue's retries: they stay there`);
  } else if (order && !now.order) {
    log.warn(
      `it has no order any more, and takes nothing from its partitions, "${name}.p0" and so on: what waits there ` +
        "stays until it has its order back",
    );
  }
}
