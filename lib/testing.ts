/**
 * The module that tests of functions import as `warren/testing`.
 *
 * @module
 */
export { type FunctionModule, run, runBatch, type RunOptions, type RunReport } from "./testkit/run.ts";
export type { PublishedMessage } from "./dry_run/dry_run.ts";
export {
  type SendOptions,
  startWarren,
  type StartWarrenOptions,
  type TakenMessage,
  WarrenUnderTest,
} from "./testkit/start_warren.ts";
