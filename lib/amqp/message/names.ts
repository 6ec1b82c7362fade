import type { FunctionDefinition } from "../../invocation/definition/definition.ts";
import { PARENT_HEADER } from "../../invocation/publication.ts";
import { cutToShortString, SHORT_STRING } from "../../base/short_string.ts";
import { cutToBytes } from "../../base/utf8.ts";

/** Where a delayed retry returns: a direct exchange, bound to every function's queue by its name. */
export const DISPATCH_EXCHANGE = "warren.dispatch";
/** Where a retry goes if its queue is gone, so that nothing is lost: an exchange and a queue of this name. */
export const ORPHANS = "warren.orphans";

export const RETRY_PREFIX = "warren.retry.";
/** Names by their delays: there are some hundred at most, and thousands of retries a second need one. */
const retryQueues = new Map<number, string>();

/** The exchange and the queue that hold a message for `ms` milliseconds. */
export function retryQueue(ms: number): string {
  let name = retryQueues.get(ms);
  if (name === undefined) retryQueues.set(ms, name = `${RETRY_PREFIX}${ms}`);
  return name;
}

/** The queue with the token of a scheduled function. */
export function scheduleQueue(queue: string): string {
  return cutToShortString(`warren.schedule.${queue}`);
}

/** A partition: a queue for some keys of an ordered function. As long as a name of dead letters. */
export function partitionQueue(queue: string, partition: number): string {
  return `${queue}.p${partition}`;
}

/** A queue that is always empty. Its consumers are the runners that share an ordered function. */
export function membersQueue(queue: string): string {
  return cutToShortString(`warren.members.${queue}`);
}

/** The message id of a scheduled run, the same in every runner. A long name is cut, and the time keeps ids distinct. */
export function scheduledId(name: string, scheduled: string): string {
  const time = `/${scheduled}`;
  return cutToBytes(`schedule/${name}`, SHORT_STRING - time.length) + time;
}

/** Through this exchange every runner hears every other one. */
export const FLEET_EXCHANGE = "warren.fleet";
/** An exchange that exists as long as some queue may be paused for all runners. */
export const PAUSED_EXCHANGE = "warren.paused";

/** While there are messages in it, no runner takes messages of `queue`. */
export function pausedQueue(queue: string): string {
  return cutToShortString(`warren.paused.${queue}`);
}

/** A queue with notes about the messages of a partition that run and may be what ends their runners. */
export function trialQueue(queue: string, partition: number): string {
  return cutToShortString(`warren.trial.${partition}.${queue}`);
}

/** The headers that Warren sets. */
export const HEADERS = {
  /** The number of the run that this delivery is for. Missing means 1. */
  attempt: "warren-attempt",
  /** Why it is a dead letter: `failed`, `timedOut`, `crashed`, `rejected`, `undecodable`, `invalid`. */
  reason: "warren-reason",
  errorType: "warren-error-type",
  error: "warren-error",
  stack: "warren-stack",
  /** The issues that a schema found in the body, as JSON. */
  issues: "warren-issues",
  /** The id of the message whose handler published this one. */
  parent: PARENT_HEADER,
  /** When a scheduled run was due: ISO 8601. */
  scheduled: "warren-scheduled",
  /** In an answer: `completed`, or the final outcome. */
  outcome: "warren-outcome",
  function: "warren-function",
  host: "warren-host",
  queue: "warren-queue",
  /** How often the handler ran. */
  attempts: "warren-attempts",
  /** When the first and the last run failed: ISO 8601. */
  firstSeen: "warren-first-seen",
  failedAt: "warren-failed-at",
  /** Where it was originally published. */
  exchange: "warren-exchange",
  routingKey: "warren-routing-key",
  /** The publisher's own properties, which a copy cannot carry as properties. */
  expiration: "warren-expiration",
  userId: "warren-user-id",
  /** The partition of an ordered function that it was put into. */
  partition: "warren-partition",
  /** How often it was copied to the end of its queue as a suspect. Removed once it has run. */
  setAside: "warren-set-aside",
  /** Why its properties or headers cannot be read. */
  malformed: "warren-malformed",
  /** The bytes of its properties and headers that could not be read. */
  unread: "warren-unread",
  /** Names of headers that a dead letter omits, since they do not fit into a frame. */
  dropped: "warren-dropped",
  /** In a copy of a dead letter for `onDead`: the function whose dead letter it is. */
  alert: "warren-alert",
  /** How often it was redriven from the dead letters. */
  redriven: "warren-redriven",
} as const;

/** The prefix of Warren's headers. */
export const HEADER_PREFIX = "warren-";

/** A consumer's tag: function, host and process. */
export function consumerTag(definition: FunctionDefinition): string {
  const id = crypto.randomUUID().slice(0, 8);
  return cutToShortString(`warren.${definition.name}.${Deno.hostname()}.${Deno.pid}.${id}`);
}
