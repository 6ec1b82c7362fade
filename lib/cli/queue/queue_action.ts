import type { Connection } from "../../amqp/client/connection.ts";
import type { FunctionDefinition } from "../../invocation/definition/definition.ts";
import type { CommandContext } from "../command.ts";

export interface ActionContext extends CommandContext {
  connection: Connection;
  /** Of the functions in the folder. */
  definitions: readonly FunctionDefinition[];
  /** What was named after the action; empty where nothing is. */
  target: string;
  signal: AbortSignal;
}

/** What `queue` can do. */
export interface Action {
  /** Those of the command's flags that it takes. */
  flags: readonly string[];
  /** Whether a function or a queue is named. */
  takesName: boolean;
  /** Throws what was typed wrongly, before there is a connection. */
  check?(context: CommandContext): void;
  /** Gives the exit code. */
  run(context: ActionContext): Promise<number>;
}

/** Milliseconds for a connection to be there. */
export const CONNECT_LIMIT = 5_000;
