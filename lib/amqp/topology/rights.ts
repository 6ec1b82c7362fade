import { deadLetterQueue, type FunctionDefinition } from "../../invocation/definition/definition.ts";
import { rungsOf } from "../../invocation/retry_policy.ts";
import {
  DISPATCH_EXCHANGE,
  membersQueue,
  ORPHANS,
  partitionQueue,
  retryQueue,
  scheduleQueue,
} from "../message/names.ts";

/** The queues and exchanges that a broker's user needs rights for. */
export interface Rights {
  readonly configure: readonly string[];
  readonly write: readonly string[];
  readonly read: readonly string[];
}

/** RabbitMQ's name for the default exchange. */
const DEFAULT_EXCHANGE = "amq.default";

/** The rights for binding, retrying and dead-lettering a function. */
export function rightsOf(definition: FunctionDefinition): Rights {
  const { queue: { name }, bindings, order, schedule, output, retry } = definition;
  const exchanges = bindings.map(({ exchange }) => exchange).filter((exchange) => exchange !== "");
  const rungs = order ? [] : rungsOf(retry).map(retryQueue);
  const partitions = Array.from({ length: order?.partitions ?? 0 }, (_, at) => partitionQueue(name, at));
  const own = [
    ...partitions,
    ...(order ? [membersQueue(name)] : []),
    ...(schedule ? [scheduleQueue(name)] : []),
  ];
  const outputs = output ? [output.exchange || DEFAULT_EXCHANGE] : [];
  return unique({
    configure: [
      name,
      deadLetterQueue(name),
      ...own,
      DISPATCH_EXCHANGE,
      ORPHANS,
      ...rungs,
      ...exchanges.filter((exchange) => !exchange.startsWith("amq.")),
    ],
    write: [DEFAULT_EXCHANGE, name, DISPATCH_EXCHANGE, ORPHANS, ...rungs, ...outputs],
    read: [name, deadLetterQueue(name), ...own, DISPATCH_EXCHANGE, ORPHANS, ...rungs, ...exchanges],
  });
}

/** The rights for a queue that holds retries. */
export function rightsOfRung(ms: number): Rights {
  const all = [retryQueue(ms), DISPATCH_EXCHANGE, ORPHANS];
  return { configure: all, write: all, read: all };
}

export function describeRights({ configure, write, read }: Rights): string {
  return `It needs these rights: configure ${list(configure)}; write ${list(write)}; read ${list(read)}`;
}

function list(names: readonly string[]): string {
  return names.join(", ");
}

function unique({ configure, write, read }: Rights): Rights {
  return { configure: [...new Set(configure)], write: [...new Set(write)], read: [...new Set(read)] };
}
