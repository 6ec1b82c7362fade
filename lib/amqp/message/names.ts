import type { FunctionDefinition } from "../../invocation/definition/definition.ts";
import { cutToShortString, SHORT_STRING } from "../../base/short_string.ts";
import { cutToBytes } from "../../base/utf8.ts";

/** Where a waited-out retry comes back: a direct exchange with every function's queue bound under its own name. */
export const DISPATCH_EXCHANGE = "warren.dispatch";
/** Where a retry goes whose queue is gone: nothing is dropped. An exchange and a queue of this name. */
export const ORPHANS = "warren.orphans";

export const RETRY_PREFIX = "warren.retry.";
/** Names by their delays: there are some hundred at most, and thousands of retries a second need one. */
const retryQueues = new Map<number, string>();

/** The exchange and the queue that hold a message back for `ms` milliseconds. */
export function retryQueue(ms: number): string {
  let name = retryQueues.get(ms);
  if (name === undefined) retryQueues.set(ms, name = `${RETRY_PREFIX}${ms}`);
  return name;
}

/** The queue with the token of a scheduled function. */
export function scheduleQueue(queue: string): string {
  return cutToShortString(`warren.schedule.${queue}`);
}

/** A queue with the messages of some keys of an ordered function. As long as a name of dead letters. */
export function partitionQueue(queue: string, partition: number): string {
  return `${queue}.p${partition}`;
}

/** A queue that never has a message: its consumers are the runners that share an ordered function. */
export function membersQueue(queue: string): string {
  return cutToShortString(`warren.members.${queue}`);
}

/** The message id of a scheduled run, the same in each runner. A long name is cut: what tells runs apart is their time. */
export function scheduledId(name: string, scheduled: string): string {
  const time = `/${scheduled}`;
  return cutToBytes(`schedule/${name}`, SHORT_STRING - time.length) + time;
}

/** A queue that names the messages of a partition that run and may be what ends their runners. */
export function trialQueue(queue: string, partition: number): string {
  return cutToShortString(`warren.trial.${partition}.${queue}`);
}

/** The headers that Warren sets. */
export const HEADERS = {
  /** The number of the run this delivery is for; 1 where it is absent. */
  attempt: "warren-attempt",
  /** Why it is a dead letter: `failed`, `timedOut`, `crashed`, `rejected`, `undecodable`, `invalid`. */
  reason: "warren-reason",
  errorType: "warren-error-type",
  error: "warren-error",
  stack: "warren-stack",
  /** What a schema found wrong with the body, as JSON. */
  issues: "warren-issues",
  /** When a scheduled run was due: ISO 8601. */
  scheduled: "warren-scheduled",
  /** In an answer: `completed`, or the outcome that it had for good. */
  outcome: "warren-outcome",
  function: "warren-function",
  host: "warren-host",
  queue: "warren-queue",
  /** How often the handler ran. */
  attempts: "warren-attempts",
  /** When the first run failed, and the last: ISO 8601. */
  firstSeen: "warren-first-seen",
  failedAt: "warren-failed-at",
  /** Where it was first published to. */
  exchange: "warren-exchange",
  routingKey: "warren-routing-key",
  /** The publisher's own, which no copy may carry as a property. */
  expiration: "warren-expiration",
  userId: "warren-user-id",
  /** Which partition of an ordered function it was put into. */
  partition: "warren-partition",
  /** How often it was copied to the end of its queue, since it might be what ends its runners; gone once it has run. */
  setAside: "warren-set-aside",
  /** Why its properties or headers cannot be read. */
  malformed: "warren-malformed",
  /** Bytes of its properties and headers that could not be read. */
  unread: "warren-unread",
  /** Names of headers that a dead letter is without, since they do not fit into a frame. */
  dropped: "warren-dropped",
  /** How often it came back from the dead letters. */
  redriven: "warren-redriven",
} as const;

/** What all names of Warren's headers begin with. */
export const HEADER_PREFIX = "warren-";

/** A consumer's tag: which function on which host in which process. */
export function consumerTag(definition: FunctionDefinition): string {
  const id = crypto.randomUUID().slice(0, 8);
  return cutToShortString(`warren.${definition.name}.${Deno.hostname()}.${Deno.pid}.${id}`);
}
