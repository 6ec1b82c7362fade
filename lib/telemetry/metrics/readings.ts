import type { Depth } from "../../invocation/insight/depth.ts";

/** How a function stands in this runner. */
export interface FunctionReading {
  readonly name: string;
  readonly state: string;
  /** Messages that were taken and are not settled. */
  readonly running: number;
  readonly processes: number;
}

/** How a connection to the broker stands. */
export interface ConnectionReading {
  readonly name: string;
  readonly connected: boolean;
  readonly blocked: boolean;
}

/** What is read from a runner whenever its metrics are collected. */
export interface Readings {
  functions(): readonly FunctionReading[];
  connections(): readonly ConnectionReading[];
  /** Resident bytes of the processes of each function. */
  memory(): ReadonlyMap<string, number>;
  /** Run records that are lost, and completed invocations that have none. */
  records(): { readonly lost: number; readonly leftOut: number };
  /** Where the messages of all functions are. */
  depths(): Promise<readonly Depth[]>;
}
