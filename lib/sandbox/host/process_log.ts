import { type Logger, toLogLevel } from "../../base/log.ts";
import type { FunctionDefinition } from "../../invocation/definition/definition.ts";
import type { Observer } from "../../invocation/insight/ended.ts";
import type { Invocation } from "../../invocation/sandbox.ts";
import { logFields } from "../wire/log_fields.ts";
import { MAX_FIELDS } from "../wire/protocol.ts";
import type { GuestProcess } from "../process/guest_process.ts";

export interface ProcessLogOptions {
  definition: FunctionDefinition;
  log: Logger;
  /** Gets every line as well. @default none */
  observer?: Observer;
  /** The invocations that run as one batch. */
  ofBatch(batch: number): readonly Invocation[];
}

/** The invocation that logs a line, as its sandbox knows it. */
export interface LoggedBy {
  readonly id: number;
  /** 0 outside of batches. */
  readonly batch: number;
  readonly invocation: Invocation;
}

const NONE: readonly Invocation[] = [];

/** What the processes of a function say, as lines of the runner's log and for those who watch. */
export class ProcessLog {
  readonly #options: ProcessLogOptions;

  constructor(options: ProcessLogOptions) {
    this.#options = options;
  }

  /**
   * A line of `context.log`.
   *
   * @param by undefined for an invocation that is over
   * @param text the fields, as JSON
   */
  line(id: number, by: LoggedBy | undefined, level: string, message: string, text: string | undefined): void {
    const fields = text === undefined ? {} : readFields(text);
    const { batch = 0, invocation } = by ?? {};
    // In a batch only the handler knows which message a line belongs to.
    const about = batch === 0 ? { invocation: id === 0 ? undefined : id, ...logFields(invocation) } : { batch };
    this.#options.log.log(toLogLevel(level), message, { ...fields, ...about });
    if (!this.#options.observer) return;
    const together = batch === 0 ? invocation && [invocation] : this.#options.ofBatch(batch);
    this.#observed(together ?? NONE, level, message, fields);
  }

  /** A line that the process printed. */
  output(stream: string, line: string): void {
    this.#options.log.info(line, { stream });
    this.#observed(NONE, "info", line, { stream });
  }

  /** An error that no handler caught. */
  uncaught(type: string, text: string, stack: string | undefined): void {
    const message = `uncaught ${type}: ${text}`;
    this.#options.log.error(message, { stack });
    this.#observed(NONE, "error", message, { stack });
  }

  /** Logged at most once a second: with the first line after the flood, or at the end. */
  dropped({ budget }: Pick<GuestProcess, "budget">, last = false): void {
    if (!last && !budget.fresh) return;
    const dropped = budget.takeDropped();
    if (dropped === 0) return;
    this.#options.log.warn(`${dropped} lines were dropped: the function logs more than the runner accepts`);
  }

  #observed(
    invocations: readonly Invocation[],
    level: string,
    message: string,
    fields: Record<string, unknown>,
  ): void {
    const { observer, definition } = this.#options;
    observer?.logged?.({ definition, invocations, level: toLogLevel(level), message, fields });
  }
}

/** Text that is not JSON, or longer than the guest sends, is shown shortened. */
function readFields(text: string): Record<string, unknown> {
  try {
    const fields: unknown = text.length <= MAX_FIELDS ? JSON.parse(text) : undefined;
    if (typeof fields === "object" && fields !== null) return { ...fields };
  } catch {
    // It does not come from Warren's guest code.
  }
  return { fields: text.slice(0, 1024) };
}
