import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { eventually } from "../support/eventually.ts";
import { type Animal, MISBEHAVE, moduleOf } from "./animal.ts";
import { Cage, reasonOf } from "./cage.ts";
import { ZOO } from "./zoo.ts";

/** So many at a time: each is a process, and some take a core. */
const AT_ONCE = 4;

/** One whose message ends as it must, and what follows is not harmed. */
async function visit(animal: Animal): Promise<void> {
  const { config, loadTimeout, ends, because, logs, after = "completed" } = animal;
  await using cage = await Cage.make(moduleOf(animal), {
    config: { timeout: 15_000, ...config },
    loadTimeout,
  });
  const outcome = await cage.run(MISBEHAVE);
  assert([ends].flat().includes(outcome.kind), `it ended as ${Deno.inspect(outcome)}`);
  if (because) assertStringIncludes(reasonOf(outcome), because);
  if (logs) await eventually(() => cage.line(logs), { what: `a line with "${logs}"` });
  const next = await cage.run();
  assertEquals(next.kind, after, `an innocent message: ${Deno.inspect(next)}`);
  if (after === "completed") return;
  const last = await cage.run();
  assertEquals(last.kind, animal.finally ?? (after === "abandoned" ? after : "completed"), Deno.inspect(last));
}

for (const [kind, animals] of Object.entries(ZOO)) {
  Deno.test(`functions ${kind} harm their own message, and not the next`, async (t) => {
    const waiting = [...animals];
    await Promise.all(Array.from({ length: AT_ONCE }, async () => {
      for (let animal = waiting.shift(); animal; animal = waiting.shift()) {
        const { does } = animal;
        const step = { name: `it ${does}`, fn: () => visit(animal!), sanitizeOps: false, sanitizeResources: false };
        await t.step({ ...step, sanitizeExit: false });
      }
    }));
  });
}
