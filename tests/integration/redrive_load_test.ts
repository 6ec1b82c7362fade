import { taskArguments } from "../support/command_lines.ts";
import { assert, assertEquals } from "@std/assert";
import { runMain } from "../cli/run_command.ts";
import { brokerTest } from "../support/brokers.ts";
import { eventually } from "../support/eventually.ts";
import { Graveyard } from "../support/graveyard.ts";

const MESSAGES = 100_000;
/** What is out at a time, and so may be there twice after a kill. */
const AHEAD = 512;

brokerTest("a hundred thousand are redriven in well under a minute, in their order", async (url) => {
  await using graveyard = await Graveyard.open(url);
  await buryMany(graveyard);
  const started = performance.now();

  const { code, stdout } = await runMain(["dead", "redrive", graveyard.queue], { AMQP_URL: url });

  const took = Math.round(performance.now() - started);
  assertEquals([code, stdout], [0, `${MESSAGES} of ${MESSAGES} are back in ${graveyard.queue}\n`]);
  console.log(`${MESSAGES} dead letters were back after ${took} ms`);
  assert(took < 60_000, `it took ${took} ms`);
  assertEquals(await graveyard.drainBodies(graveyard.queue), numbers(0, MESSAGES));
});

brokerTest("a redrive that is killed in the middle loses nothing, and the next one does the rest", async (url) => {
  await using graveyard = await Graveyard.open(url);
  await buryMany(graveyard);
  const child = new Deno.Command(Deno.execPath(), {
    args: taskArguments(["dead", "redrive", graveyard.queue]),
    env: { AMQP_URL: url },
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  try {
    await eventually(async () => (await graveyard.counts())[0] > MESSAGES / 4, { timeout: 60_000 });
  } finally {
    child.kill("SIGKILL");
    await child.status;
  }
  // The broker puts back what the dead process held once it sees that it is gone.
  await eventually(async () => sum(await graveyard.counts()) >= MESSAGES, { timeout: 60_000 });
  const [back, dead] = await graveyard.counts();
  assert(dead > 0, "the kill came after the end");

  const { code } = await runMain(["dead", "redrive", graveyard.queue], { AMQP_URL: url });

  assertEquals([code, (await graveyard.broker.count(graveyard.letters.queue)).messages], [0, 0]);
  const bodies = await graveyard.drainBodies(graveyard.queue);
  const twice = bodies.length - MESSAGES;
  console.log(`killed after ${back}; ${twice} of ${MESSAGES} are there twice; the bound is ${AHEAD}`);
  assertEquals(new Set(bodies).size, MESSAGES);
  assert(twice <= AHEAD, `${twice} are there twice`);
});

async function buryMany(graveyard: Graveyard): Promise<void> {
  for (let from = 0; from < MESSAGES; from += 10_000) await graveyard.bury(numbers(from, from + 10_000));
}

function numbers(from: number, to: number): string[] {
  return Array.from({ length: to - from }, (_, index) => String(from + index));
}

function sum([a, b]: [number, number]): number {
  return a + b;
}
