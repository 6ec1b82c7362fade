import type { FunctionDefinition } from "../../invocation/definition/definition.ts";
import type { Invocation } from "../../invocation/sandbox.ts";
import type { Logger } from "../../base/log.ts";
import type { Connection } from "../client/connection.ts";
import type { Delivery } from "../consuming/consumer.ts";
import type { Publisher } from "./publisher.ts";
import type { Replies } from "./replies.ts";
import type { Topology } from "../topology/topology.ts";

export interface OutputsOptions {
  connection: Connection;
  publisher: Pick<Publisher, "publish" | "send">;
  topology: Pick<Topology, "declareRung" | "bindToDispatch" | "forgetRungs">;
  /** The callers of this runner that wait for an answer. */
  replies: Pick<Replies, "take">;
  log: Logger;
  /** Bytes of a body. */
  maxBody: number;
}

/** A delivery with what is known of it. */
export interface Handled {
  readonly definition: FunctionDefinition;
  readonly invocation: Invocation;
  readonly delivery: Pick<Delivery, "live">;
}

/** Called once with the subject, and with an error or the message ids of the outputs. */
export type OnLeft<S> = (error: unknown, subject: S, ids: readonly string[]) => void;
