import { type BenchArguments, parseArguments, type ParsedArguments } from "./arguments.ts";
import { broker } from "./broker.ts";
import { cost } from "./cost.ts";
import { features } from "./features.ts";
import { held, progress, releaseOnInterrupt } from "./held.ts";
import { insight } from "./insight.ts";
import { latency } from "./latency.ts";
import { rivals } from "./rivals.ts";
import { sandbox } from "./sandbox.ts";
import { scale } from "./scale.ts";
import { soak } from "./soak.ts";
import { start } from "./start.ts";

type Question = (args: BenchArguments) => Promise<string[]>;

/** Each question with the script that answers it. */
const QUESTIONS: Record<string, Question> = {
  broker,
  cost,
  features,
  insight,
  latency,
  rivals,
  sandbox,
  scale,
  soak,
  start,
};

/** Those that run when none is named; the others take an hour. */
const USUAL = Object.keys(QUESTIONS).filter((name) => name !== "soak");

function fail(text: string): never {
  console.error(`bench: ${text}`);
  Deno.exit(2);
}

function parse(): ParsedArguments {
  try {
    return parseArguments(Deno.args);
  } catch (error) {
    fail((error as Error).message);
  }
}

const { names, args } = parse();
const unknown = names.find((name) => !(name in QUESTIONS));
if (unknown !== undefined) fail(`unknown question "${unknown}"; there are ${Object.keys(QUESTIONS).join(", ")}`);
releaseOnInterrupt();
for (const name of names.length > 0 ? names : USUAL) {
  progress(`${name} begins`);
  try {
    console.log(`${name}\n  ${(await QUESTIONS[name](args)).join("\n  ")}`);
  } catch (error) {
    // What was interrupted ends when everything is given back.
    if (!held.released) throw error;
    await new Promise(() => {});
  }
}
