import type { Delivery } from "../amqp/consuming/consumer.ts";
import { toInvocation } from "../amqp/message/headers.ts";
import type { DeliveredInvocation } from "../invocation/sandbox.ts";
import type { Generation } from "./generation.ts";
import type { Era } from "./flow/kill_switch.ts";
import type { Suspect } from "./flow/suspects.ts";

/**
 * Where a row is. `waiting`: it has not begun. `running`: its handler runs. `settling`: its handler has ended, or never
 * runs, and its delivery is on its way to being settled. `done`: nothing is left to do.
 */
export type Stage = "waiting" | "running" | "settling" | "done";

/** One message in the pipeline. */
export interface Row {
  /** Its number in the pipeline. */
  readonly id: number;
  readonly delivery: Delivery;
  invocation: DeliveredInvocation;
  stage: Stage;
  /** The version that took it. Once it has begun, that does not change: the version that began it also ends it. */
  generation: Generation;
  /** The rows that began together with it: itself, or its batch. */
  start: readonly Row[];
  /** The kill switch's era in which it began. */
  era: Era | undefined;
  /** It may be what ends its runners. */
  suspect: Suspect | undefined;
  /** Its delivery is gone although it still runs. */
  stray: boolean;
  /** Milliseconds since 1970. 0 if nobody observes, or if it has not happened yet. */
  receivedAt: number;
  startedAt: number;
  endedAt: number;
  /** See `Held`: a row is held while it is being settled. */
  dueAt: number;
  /** The ids of what its handler published. */
  published: readonly string[];
  /** Who it is to the store, where its function has `dedupe` and its message was claimed. */
  claim: string | undefined;
  /** A new delivery of the same message, which waits for the end of this run. */
  follower: Row | undefined;
}

const NOTHING: readonly Row[] = [];
const NO_IDS: readonly string[] = [];

/** A row for a new delivery. */
export function newRow(id: number, delivery: Delivery, generation: Generation, receivedAt: number): Row {
  return {
    id,
    delivery,
    invocation: toInvocation(delivery.message, generation.definition),
    stage: "waiting",
    generation,
    start: NOTHING,
    era: undefined,
    suspect: undefined,
    stray: false,
    receivedAt,
    startedAt: 0,
    endedAt: 0,
    dueAt: 0,
    published: NO_IDS,
    claim: undefined,
    follower: undefined,
  };
}
