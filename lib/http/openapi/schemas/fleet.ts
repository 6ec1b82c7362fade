import type { AnnouncedFunction, AnnouncedHeldBack, AnnouncedRunner } from "../../../invocation/insight/fleet.ts";
import type { FleetStatus, FunctionStatus } from "../../../invocation/insight/fleet_status.ts";
import type { Trouble } from "../../../invocation/insight/operator_view.ts";
import type { RunnerStanding } from "../../../invocation/insight/pause.ts";
import { choice, flag, integer, list, number, object, optional, ref, type Schema, text, time } from "../schema.ts";

/** The answer to a pause or a resume. */
interface Standing {
  name: string;
  runners: readonly RunnerStanding[];
  silent: readonly string[];
}

export const FLEET_SCHEMAS: Readonly<Record<string, Schema>> = {
  AnnouncedFunction: object<AnnouncedFunction>({
    name: text(),
    queue: optional(text()),
    version: optional(text()),
    state: text(),
    detail: optional(text()),
    running: integer(),
    perMinute: number("Invocations that ended in the last minute."),
    failedPerMinute: number(),
    newest: optional(time("When the newest message that it received was published.")),
  }),
  AnnouncedHeldBack: object<AnnouncedHeldBack>({
    queue: text(),
    delay: number("Milliseconds."),
    count: integer(),
  }, "Messages of one queue that wait for the same delay."),
  AnnouncedRunner: object<AnnouncedRunner>({
    id: text("Unique for each start."),
    name: text(),
    host: text(),
    version: text("Warren's version."),
    startedAt: time(),
    functions: list(ref("AnnouncedFunction")),
    seenAt: time("When it was last heard."),
    gone: flag("It did not say goodbye and has not been heard for a while."),
    self: flag("The runner that answers."),
    heldBack: optional(list(
      ref("AnnouncedHeldBack"),
      "Messages that it put into retry queues and that are not back yet, by their queue.",
    )),
  }),
  FunctionStatus: object<FunctionStatus>({
    name: text(),
    queue: optional(text()),
    state: text("The worst among the runners that have it; `gone` where none of them is left."),
    detail: optional(text()),
    serving: integer("Runners that serve it."),
    runners: integer("Runners that have it."),
    running: integer(),
    perMinute: number(),
    failedPerMinute: number(),
    waiting: optional(integer("Messages that wait in its queue.")),
  }, "A function over all runners."),
  FleetStatus: object<FleetStatus>({
    at: time(),
    healthy: flag("There is no trouble."),
    runners: list(ref("AnnouncedRunner")),
    functions: list(ref("FunctionStatus")),
    troubles: list(ref("Trouble"), "Worst first."),
  }),
  Trouble: object<Trouble>({
    severity: choice(["error", "warning"]),
    kind: text("As in `backlog` or `no-consumer`."),
    function: optional(text()),
    title: text(),
    reason: text(),
    action: text("What to do about it."),
    href: optional(text("A page of the console.")),
    since: optional(time()),
  }),
  RunnerStanding: object<RunnerStanding>({
    runner: text(),
    function: text(),
    state: text(),
    detail: optional(text()),
  }, "How a function stands in one runner."),
  Standing: {
    ...object<Standing>(
      { name: text(), runners: list(ref("RunnerStanding")), silent: ref("Silent") },
      "How a function stands in each runner. If the runner that answers has it, the members of FunctionView are here too.",
    ),
    additionalProperties: true,
  },
  Silent: list(text(), "Names of runners that did not answer in time: their part is missing."),
  Orphans: list(
    object<{ queue: string; messages: number; advice: string }>({
      queue: text(),
      messages: integer(),
      advice: text(),
    }),
    "Queues of Warren that hold messages and belong to no function.",
  ),
};
