import type { CommandFlag } from "../../settings/config.ts";

/** Of every command that prints results. What is not a result goes to standard error in any case. */
export const JSON_FLAG: CommandFlag = { flag: "json", text: "Print JSON instead of text, one document a line." };
