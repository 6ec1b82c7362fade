import type { Animal } from "./animal.ts";
import { ENDLESS } from "./zoo/endless.ts";
import { GREEDY } from "./zoo/greedy.ts";
import { MEDDLING } from "./zoo/meddling.ts";
import { PUBLISHING } from "./zoo/publishing.ts";
import { QUITTING } from "./zoo/quitting.ts";
import { TALKATIVE } from "./zoo/talkative.ts";
import { THROWING } from "./zoo/throwing.ts";

/** Every kind of function that misbehaves, by what it does. */
export const ZOO: Record<string, readonly Animal[]> = {
  "that never end": ENDLESS,
  "that take too much memory": GREEDY,
  "that end their process": QUITTING,
  "that throw and return odd things": THROWING,
  "that say too much": TALKATIVE,
  "that change what all use": MEDDLING,
  "that publish what they may not": PUBLISHING,
};
