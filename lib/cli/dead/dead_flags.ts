import type { CommandFlag } from "../../settings/config.ts";
import { WarrenError } from "../../base/errors.ts";
import type { RedriveOptions } from "../../invocation/dead_letters/dead_letter_box.ts";
import { nameAndValue, readCount, readFilter, readRate } from "../../invocation/dead_letters/dead_letter_filter.ts";

/** All flags of `dead`. Each action accepts some of them. */
export const DEAD_FLAGS: readonly CommandFlag[] = [
  {
    flag: "reason",
    value: "REASON",
    text: "Only this reason: failed, timedOut, crashed, rejected, undecodable or invalid.",
  },
  { flag: "error", value: "TEXT", text: "Only messages whose error type or error text contains this." },
  { flag: "older-than", value: "1h", text: "Only messages that failed at least this long ago." },
  { flag: "newer-than", value: "10m", text: "Only messages that failed at most this long ago." },
  { flag: "function", value: "NAME", text: "Only messages of this function." },
  {
    flag: "header",
    value: "NAME=VALUE",
    text: "Only messages with this header. edit: set this header. May be repeated.",
    repeated: true,
  },
  { flag: "id", value: "ID", text: "Only the message with this id." },
  { flag: "limit", value: "N", text: "At most this many messages. Default for list: 100." },
  { flag: "rate", value: "N", text: "redrive: at most this many a second." },
  { flag: "dry-run", text: "redrive, purge: only count the messages." },
  { flag: "yes", text: "purge: do not ask for confirmation." },
  { flag: "body", value: "TEXT", text: "edit: the new body." },
  { flag: "body-file", value: "FILE", text: "edit: a file with the new body." },
  { flag: "content-type", value: "TYPE", text: "edit: the new content type." },
  { flag: "json", text: "Print one JSON object per line." },
];

export const FILTERS = ["reason", "error", "older-than", "newer-than", "function", "header", "id", "limit", "json"];

type Flags = ReadonlyMap<string, string[]>;

/** @throws {WarrenError} `config` if the action does not accept one of the flags */
export function assertFlagsOf(action: string, taken: readonly string[], flags: Flags): void {
  for (const flag of flags.keys()) {
    if (taken.includes(flag)) continue;
    throw new WarrenError(
      "config",
      `dead ${action} takes no --${flag}; it takes ${taken.map((name) => `--${name}`).join(", ")}`,
    );
  }
}

/** The last value of a flag. Later values override earlier ones. */
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
