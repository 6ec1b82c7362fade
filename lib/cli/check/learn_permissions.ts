import { describeError, WarrenError } from "../../base/errors.ts";
import type { DryMessage } from "../../dry_run/dry_message.ts";
import type { DryRunReport } from "../../dry_run/dry_run.ts";
import type { OutcomeKind } from "../../invocation/outcome.ts";
import { learnedFrom, withoutLimits } from "../../sandbox/learning/learning.ts";
import { type Asked, PermissionBroker } from "../../sandbox/learning/permission_broker.ts";
import type { Narrowed } from "../../sandbox/learning/narrow_permissions.ts";
import type { CommandContext } from "../command.ts";
import { type Found, runSandboxed } from "../invoke/sandboxed_run.ts";

/** What a function needs, and how it ended with just that. */
export interface Learned extends Narrowed {
  /** How it ended with every permission, and with those found. */
  readonly outcomes: readonly [all: OutcomeKind, narrowed: OutcomeKind];
  readonly error: string | undefined;
}

/**
 * Runs a function with a message and every permission, records what it asks for, and runs it again with just that. The
 * function has all its effects each time.
 *
 * @throws {WarrenError} `function` for an inline function, which has the permissions of the runner
 */
export async function learnPermissions(
  context: CommandContext,
  found: Found,
  message: DryMessage,
  signal: AbortSignal,
): Promise<Learned> {
  const { definition: { name, isolation } } = found;
  if (isolation === "inline") {
    throw new WarrenError("function", `function "${name}" is inline: it has all permissions of the runner`);
  }
  const all = await recorded(context, found, message, signal);
  const narrowed = learnedFrom(all.asked);
  const { definition } = found;
  const module = { ...found, definition: { ...definition, permissions: narrowed.permissions, strictEnv: false } };
  const again = await runSandboxed(context, module, message, { signal });
  const error = again.error && `${again.error.type}: ${again.error.message}`;
  return { ...narrowed, outcomes: [all.report.outcome, again.outcome], error };
}

interface RecordedRun {
  readonly report: DryRunReport;
  readonly asked: readonly Asked[];
}

/** Runs with every permission. The environment is all of the runner's. */
async function recorded(
  context: CommandContext,
  found: Found,
  message: DryMessage,
  signal: AbortSignal,
): Promise<RecordedRun> {
  const folder = await Deno.makeTempDir({ prefix: "warren-permissions-" });
  try {
    await using broker = new PermissionBroker(folder);
    const module = { ...found, definition: withoutLimits(found.definition) };
    const report = await runSandboxed(context, module, message, { signal, permissionBroker: broker.path });
    return { report, asked: broker.asked };
  } finally {
    await Deno.remove(folder, { recursive: true }).catch((error) => {
      context.log.debug(`${folder} could not be removed: ${describeError(error)}`);
    });
  }
}
