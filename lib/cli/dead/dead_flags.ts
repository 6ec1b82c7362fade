import type { CommandFlag } from "../../settings/config.ts";
import { WarrenError } from "../../base/errors.ts";
import type { RedriveOptions } from "../../invocation/dead_letters/dead_letter_box.ts";
import { nameAndValue, readCount, readFilter, readRate } from "../../invocation/dead_letters/dead_letter_filter.ts";

/** All flags of `dead`; each action takes some of them. */
export const DEAD_FLAGS: readonly CommandFlag[] = [
  { flag: "reason", value: "REASON", text: "Only failed, timedOut, crashed, rejected, undecodable or invalid ones." },
  { flag: "error", value: "TEXT", text: "Only those with this in the error's type or message." },
  { flag: "older-than", value: "1h", text: "Only those that failed at least so long ago." },
  { flag: "newer-than", value: "10m", text: "Only those that failed at most so long ago." },
  { flag: "function", value: "NAME", text: "Only those of this function." },
  {
    flag: "header",
    value: "NAME=VALUE",
    text: "Only those with this header; may be repeated. edit: sets it.",
    repeated: true,
  },
  { flag: "id", value: "ID", text: "Only the one with this message id." },
  { flag: "limit", value: "N", text: "No more than this many; list shows 100 without it." },
  { flag: "rate", value: "N", text: "redrive: no more than this many a second." },
  { flag: "dry-run", text: "redrive, purge: only say how many." },
  { flag: "yes", text: "purge: do not ask." },
  { flag: "body", value: "TEXT", text: "edit: the new body." },
  { flag: "body-file", value: "FILE", text: "edit: a file with the new body." },
  { flag: "content-type", value: "TYPE", text: "edit: the new content type." },
  { flag: "json", text: "One JSON object a line." },
];

export const FILTERS = ["reason", "error", "older-than", "newer-than", "function", "header", "id", "limit", "json"];

type Flags = ReadonlyMap<string, string[]>;

/** @throws {WarrenError} `config` for a flag that another action takes */
export function assertFlagsOf(action: string, taken: readonly string[], flags: Flags): void {
  for (const flag of flags.keys()) {
    if (taken.includes(flag)) continue;
    throw new WarrenError(
      "config",
      `dead ${action} takes no --${flag}; it takes ${taken.map((name) => `--${name}`).join(", ")}`,
    );
  }
}

/** The last value of a flag: what is typed later counts. */
export function last(flags: Flags, name: string): string | undefined {
  return flags.get(name)?.at(-1);
}

/** @throws {WarrenError} `config` */
export function sweepOptions(flags: Flags): RedriveOptions {
  const filter = readFilter({
    reason: last(flags, "reason"),
    error: last(flags, "error"),
    olderThan: last(flags, "older-than"),
    newerThan: last(flags, "newer-than"),
    function: last(flags, "function"),
    id: last(flags, "id"),
    headers: Object.fromEntries((flags.get("header") ?? []).map(nameAndValue)),
  });
  const [limit, rate] = [last(flags, "limit"), last(flags, "rate")];
  return {
    filter,
    limit: limit === undefined ? undefined : readCount("--limit", limit),
    rate: rate === undefined ? undefined : readRate("--rate", rate),
    dryRun: flags.has("dry-run"),
  };
}
