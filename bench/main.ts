import { broker } from "./broker.ts";
import { consume } from "./consume.ts";
import { cost } from "./cost.ts";
import { features } from "./features.ts";
import { frameworks } from "./frameworks.ts";
import { sandbox } from "./sandbox.ts";
import { start } from "./start.ts";

/** Each question with the script that answers it. */
const QUESTIONS: Record<string, () => Promise<string[]>> = {
  broker,
  consume,
  cost,
  features,
  frameworks,
  sandbox,
  start,
};

const asked = Deno.args.length > 0 ? Deno.args : Object.keys(QUESTIONS);
for (const name of asked) {
  const answer = QUESTIONS[name];
  if (!answer) {
    console.error(`bench: unknown question "${name}"; there are ${Object.keys(QUESTIONS).join(", ")}`);
    Deno.exit(2);
  }
  console.log(`${name}\n  ${(await answer()).join("\n  ")}`);
}
