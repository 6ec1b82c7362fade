import type { FunctionDefinition } from "../../invocation/definition/definition.ts";
import type { InputSchema } from "../../invocation/content/input_schema.ts";
import type { Observer } from "../../invocation/insight/ended.ts";
import type { Outcome } from "../../invocation/outcome.ts";
import type { UngrantedVariables } from "../guest/ungranted_variables.ts";
import { CANCELLED, STOPPED, timedOut } from "../limits/endings.ts";
import type { TimeLimits } from "../limits/time_limits.ts";
import type { Reported } from "../process/from_guest.ts";
import type { GuestProcess } from "../process/guest_process.ts";
import { OnceCalls, type OnceCallsOptions } from "./once_calls.ts";
import type { Pool } from "./pool.ts";
import type { ProcessLog } from "./process_log.ts";
import type { RunningInvocations } from "./running_invocations.ts";
import type { Validations } from "./validations.ts";

/** The parts of a sandbox that the messages of its processes are for. */
export interface Receiving {
  readonly definition: FunctionDefinition;
  readonly running: RunningInvocations;
  readonly pool: Pick<Pool, "noteSuccess">;
  readonly limits: Pick<TimeLimits, "extend">;
  readonly validations: Pick<Validations, "answered">;
  readonly log: Pick<ProcessLog, "line" | "uncaught" | "dropped">;
  readonly ungranted: Pick<UngrantedVariables, "looked">;
  readonly observer: Observer | undefined;
  /** For the calls of `once()` in each process. */
  readonly once: OnceCallsOptions;
  /** Milliseconds from a call of `once()` until its invocation is over, even if its turn came late. */
  readonly lease: number;
  /** A process has loaded the module. */
  onLoaded(inputSchema: InputSchema | undefined): void;
  /** Whether the runner is stopping. */
  stopping(): boolean;
}

type Op = Reported[0];
type Handler<M> = (sandbox: Receiving, process: GuestProcess, message: M) => void;

/** Messages that wait for a process to read them. */
const MAX_UNSENT = 100_000;

const COMPLETED: Outcome = { kind: "completed" };

/** What each message of a process does. A process can only change its own invocations. */
const HANDLERS: { readonly [O in Op]: Handler<Extract<Reported, { 0: O }>> } = {
  ready({ onLoaded }, _, message) {
    onLoaded(message[1]);
  },

  done({ pool, running }, process, message) {
    pool.noteSuccess();
    for (const id of message[1]) {
      const ended = running.of(process, id);
      if (ended) running.end(ended, COMPLETED);
    }
  },

  completed({ pool, running }, process, message) {
    pool.noteSuccess();
    for (const { id, outputs, result } of message[1]) {
      const ended = running.of(process, id);
      if (ended) running.end(ended, { kind: "completed", outputs, result });
    }
  },

  result({ pool, running, definition }, process, message) {
    const ended = running.of(process, message[1]);
    if (!ended) return;
    pool.noteSuccess();
    // A handler that its signal stopped has timed out, not failed.
    if (ended.killAt !== undefined) return running.end(ended, timedOut(definition.timeout));
    const [, , kind, failure, delay] = message;
    running.end(ended, kind === "failed" ? { kind, failure, delay } : { kind, failure });
  },

  early({ running, limits }, process, message) {
    const late = running.of(process, message[1]);
    if (late && !late.alone) limits.extend(late, message[2]);
  },

  /** Ends it only if it was cancelled on purpose: abandoned messages come back, and would do so without end. */
  dropped({ running, stopping }, process, message) {
    const dropped = running.of(process, message[1]);
    if (dropped?.cancelled) running.settle(dropped.id, CANCELLED);
    else if (dropped && stopping()) running.settle(dropped.id, STOPPED);
  },

  uncaught({ log }, process, message) {
    const { type, message: text, stack } = message[1];
    if (process.budget.line()) log.uncaught(type, text, stack);
    process.kill(`nothing caught an error that it threw: ${type}: ${text}`);
  },

  validated({ validations }, process, message) {
    validations.answered(process, message[1], message[2]);
  },

  progress({ running, observer, definition }, process, message) {
    const followed = running.of(process, message[1]);
    if (!followed?.followed) return;
    observer?.progressed?.(definition, followed.invocation, readProgress(message[2]));
  },

  env({ ungranted }, process, message) {
    if (process.budget.line()) ungranted.looked(message[1]);
  },

  once({ running, once, lease }, process, [, id, call, key]) {
    if (process.unsent > MAX_UNSENT) return process.kill("it asks and does not read the answers");
    if (!running.of(process, id)) {
      return process.send(["once", call, { kind: "error", message: "the invocation is over" }]);
    }
    process.once ??= new OnceCalls(once);
    void process.once.claim({ id, call, key, lease }).then((answer) => {
      if (answer) process.send(["once", call, answer]);
      else process.kill("it broke the protocol: it made one call twice");
    });
  },

  onceDone(_, process, [, , call, value]) {
    void process.once?.done(call, value).then((answer) => process.send(["once", call, answer]));
  },

  onceFailed(_, process, message) {
    void process.once?.failed(message[2]);
  },

  log({ running, log }, process, message) {
    if (process.budget.line()) {
      const [, id, level, text, fields] = message;
      log.line(id, running.of(process, id), level, text, fields);
    }
    log.dropped(process);
  },
};

/** Does what a message of one of the sandbox's processes says. */
export function receive(sandbox: Receiving, process: GuestProcess, message: Reported): void {
  const handle = HANDLERS[message[0]] as Handler<Reported>;
  handle(sandbox, process, message);
}

/** Followers never receive text that a process forged instead of JSON. */
function readProgress(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
