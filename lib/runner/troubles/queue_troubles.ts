import { formatDuration } from "../../base/time/duration.ts";
import { RETRY_PREFIX } from "../../amqp/message/names.ts";
import { deadLetterQueue } from "../../invocation/definition/definition.ts";
import type { Depth } from "../../invocation/insight/depth.ts";
import type { Trouble } from "../../invocation/insight/operator_view.ts";
import { pageOf } from "./function_troubles.ts";
import type { DepthSample, Snapshot, TroubleLimits } from "./snapshot.ts";

/** What is wrong with what waits. */
export function queueTroubles(snapshot: Snapshot, limits: TroubleLimits): Trouble[] {
  const states = new Map(snapshot.functions.map(({ name, state }) => [name, state]));
  const found = snapshot.depths.flatMap((depth) => {
    const trail = snapshot.trails.get(depth.function) ?? [];
    const state = states.get(depth.function);
    // In every other state, the state is the trouble, or somebody wants it to be so.
    const waiting = state === "serving" ? noConsumer(depth) ?? backlog(depth, trail, limits) : undefined;
    const disabled = state === "disabled" ? noConsumer(depth) : undefined;
    return [waiting, disabled, deadLetters(depth, trail, limits)];
  });
  return [...found, ...snapshot.orphans.map(orphaned)].filter((one) => one !== undefined);
}

function noConsumer({ function: name, queue, ready = 0, consumers }: Depth): Trouble | undefined {
  if (consumers !== 0 || ready === 0) return undefined;
  return {
    severity: "error",
    kind: "no-consumer",
    function: name,
    title: `nobody takes the messages of ${name}`,
    reason: `${counted(ready, "message")} in queue "${queue}", which has no consumer`,
    action: "enable the function or start a runner that has it, or purge the queue",
    href: pageOf(name),
  };
}

/** The oldest message is old and does not become younger, or it is much older than usual. */
function backlog(depth: Depth, trail: readonly DepthSample[], limits: TroubleLimits): Trouble | undefined {
  const { function: name, ready = 0, oldest, at } = depth;
  if (ready === 0 || oldest === undefined) return undefined;
  const ages = (since: number) =>
    trail.filter((one) => one.at >= since && one.at < at).map((one) => one.oldest).filter((age) => age !== undefined);
  const [before] = ages(at - limits.window);
  const shrinks = before !== undefined && oldest < before;
  const usual = median(ages(at - HOUR));
  const old = oldest > limits.oldBacklog && !shrinks;
  const unusual = usual !== undefined && oldest > limits.youngBacklog && oldest > usual * limits.timesUsual;
  if (!old && !unusual) return undefined;
  const comparison = usual === undefined ? "" : `; in the last hour it was ${spell(usual)} as a rule`;
  return {
    severity: old ? "error" : "warning",
    kind: "backlog",
    function: name,
    title: `the messages of ${name} wait too long`,
    reason: `the oldest of ${counted(ready, "message")} has waited for ${spell(oldest)}${comparison}`,
    action: "start more runners or raise its concurrency, or find out what makes it slow",
    href: pageOf(name),
    since: at - oldest,
  };
}

function deadLetters(depth: Depth, trail: readonly DepthSample[], limits: TroubleLimits): Trouble | undefined {
  const { function: name, dead, at } = depth;
  const before = trail.find((one) => one.at >= at - limits.window && one.dead !== undefined);
  if (dead === undefined || before?.dead === undefined || dead - before.dead < limits.newDead) return undefined;
  return {
    severity: "warning",
    kind: "dead-letters",
    function: name,
    title: `the dead letters of ${name} become more`,
    reason: `${dead - before.dead} more than ${spell(at - before.at)} ago; there are ${dead}`,
    action: `read them: deno task dead list ${name}; repair the cause, and send them again`,
    href: pageOf(name),
    since: before.at,
  };
}

/** Not those that come back by themselves, and no dead letters: nobody has to hurry. */
function orphaned({ queue, messages, advice }: Snapshot["orphans"][number]): Trouble | undefined {
  if (queue.startsWith(RETRY_PREFIX) || queue.endsWith(deadLetterQueue(""))) return undefined;
  return {
    severity: "warning",
    kind: "orphans",
    title: `${counted(messages, "message")} in ${queue} belong to no function`,
    reason: advice.split(". ")[0],
    action: advice.split(". ").slice(1).join(". ") || "look at GET /queues",
    href: "/queues",
  };
}

const HOUR = 3_600_000;

/** Undefined of too few: they say nothing of what is usual. */
function median(values: readonly number[]): number | undefined {
  if (values.length < FEW) return undefined;
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
}

const FEW = 10;

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

function spell(ms: number): string {
  const unit = ms >= 2 * HOUR ? HOUR : ms >= 120_000 ? 60_000 : 1_000;
  return formatDuration(Math.round(ms / unit) * unit);
}
