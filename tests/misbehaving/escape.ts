import type { Attempt } from "./attempt.ts";
import { FILES } from "./escape/files.ts";
import { IMPORTS } from "./escape/imports.ts";
import { NETWORK } from "./escape/network.ts";
import { PROCESSES } from "./escape/processes.ts";

/** Every way out that was thought of, by where it leads. */
export const ESCAPES: Record<string, readonly Attempt[]> = {
  "over the network": NETWORK,
  "on the disk": FILES,
  "through processes, threads and native code": PROCESSES,
  "by imports, and to its environment": IMPORTS,
};
