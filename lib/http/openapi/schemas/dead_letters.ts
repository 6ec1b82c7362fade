import type { DeadLetterDetail, DeadLetterSummary } from "../../../invocation/dead_letters/dead_letter.ts";
import type { Sweep } from "../../../invocation/dead_letters/dead_letter_box.ts";
import type { JobView } from "../../jobs.ts";
import { ANYTHING, choice, integer, map, object, optional, ref, type Schema, text } from "../schema.ts";

const DATE: Schema = { format: "date-time" };

const SWEEP = {
  depth: integer("Dead letters at the start."),
  looked: integer(),
  matched: integer(),
  done: integer("Redriven, edited or purged."),
  unreadable: integer("Selected but not changed."),
  stopped: optional(choice(["window", "signal"], "Why it stopped early.")),
};

const SUMMARY = {
  id: optional(text("The message id.")),
  reason: optional(text("The outcome of its last run.")),
  errorType: optional(text()),
  error: optional(text()),
  attempts: optional(integer()),
  redriven: integer("How often it was redriven."),
  function: optional(text()),
  host: optional(text()),
  exchange: optional(text("Where it was originally published.")),
  routingKey: optional(text()),
  size: integer("Bytes of the body."),
  unreadable: optional(text("Why its headers cannot be read.")),
  failedAt: optional(text(undefined, DATE)),
  firstSeen: optional(text(undefined, DATE)),
  contentType: optional(text()),
};

export const DEAD_LETTER_SCHEMAS: Readonly<Record<string, Schema>> = {
  Sweep: object<Sweep>(SWEEP, "What was done to a set of dead letters."),
  DeadLetterSummary: object<DeadLetterSummary>(SUMMARY),
  DeadLetterDetail: object<DeadLetterDetail>({
    ...SUMMARY,
    stack: optional(text()),
    headers: optional(map(ANYTHING)),
    properties: optional(map(ANYTHING)),
    body: optional({ description: "As it is decoded. Absent where that is bytes, or cannot be done." }),
    bodyBase64: optional(text()),
    bodyError: optional(text("Why it cannot be decoded.")),
  }),
  DeadLetters: object<Sweep & { queue: string; deadLetters: DeadLetterSummary[] }>({
    ...SWEEP,
    queue: text(),
    deadLetters: { type: "array", items: ref("DeadLetterSummary") },
  }),
  JobView: object<JobView>({
    id: text(),
    work: text("As in `redrive hello.dead`."),
    state: choice(["running", "done", "stopped", "failed"]),
    startedAt: text(undefined, DATE),
    finishedAt: optional(text(undefined, DATE)),
    error: optional(text()),
    depth: optional(integer()),
    looked: optional(integer()),
    matched: optional(integer()),
    done: optional(integer()),
    unreadable: optional(integer()),
    stopped: optional(choice(["window", "signal"])),
  }, "Work that takes longer than a request should."),
};
