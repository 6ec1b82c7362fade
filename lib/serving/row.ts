import type { Delivery } from "../amqp/consuming/consumer.ts";
import type { DeliveredInvocation } from "../invocation/sandbox.ts";
import type { Generation } from "./generation.ts";
import type { Era } from "./flow/kill_switch.ts";
import type { Suspect } from "./flow/suspects.ts";

/**
 * Where a row is. `waiting`: it has not begun. `running`: its handler runs. `settling`: its handler has ended, or never
 * runs, and its delivery is on its way to being settled. `done`: nothing is left to do.
 */
export type Stage = "waiting" | "running" | "settling" | "done";

/** One message on its way through the pipeline. */
export interface Row {
  readonly delivery: Delivery;
  invocation: DeliveredInvocation;
  stage: Stage;
  /** The version that took it. From its beginning on that does not change: it ends by the version that began it. */
  generation: Generation;
  /** The rows that began together with it: itself alone, or its batch. */
  start: readonly Row[];
  /** When it began, as its kill switch sees it. */
  era: Era | undefined;
  /** It may be what ends its runners. */
  suspect: Suspect | undefined;
  /** Its delivery is gone while it runs. */
  stray: boolean;
  /** The same message, delivered again while this one still runs. It waits for the end of this one. */
  follower: Row | undefined;
}
