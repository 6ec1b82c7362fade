import { assert, assertEquals } from "@std/assert";
import { Checkout } from "../support/checkout.ts";
import { taskArguments } from "../support/command_lines.ts";
import { BrokerPlace } from "../support/hosted_broker.ts";
import { handledBy, post, seen, startServing } from "../support/serving.ts";

/** In Deno's cache since Warren itself imports it, and by this name in no lock file. */
const PACKAGED = `
  import { Cron } from "npm:croner@~11.0.1";
  export default (_, { log }) => log.info("handled", { next: new Cron("0 0 1 1 *").nextRun() !== null });`;

Deno.test("in a checkout that its user cannot write, a function that imports from npm runs from the cache", async () => {
  await using checkout = await Checkout.make();
  const functionsDir = await checkout.functions({ "packaged.ts": PACKAGED });
  await assertRuns(checkout, functionsDir);
});

Deno.test("in a checkout that its user can write, neither start nor check touches the lock file", async () => {
  await using checkout = await Checkout.make({ writable: true });
  const functionsDir = await checkout.functions({ "packaged.ts": PACKAGED });
  const lock = await Deno.readTextFile(`${checkout.path}/deno.lock`);
  await assertRuns(checkout, functionsDir);
  assertEquals(await Deno.readTextFile(`${checkout.path}/deno.lock`), lock);
  const { code } = await new Deno.Command(Deno.execPath(), {
    args: [...taskArguments(["check"], checkout.path), "--functions-dir", functionsDir],
    cwd: checkout.path,
    uid: checkout.user,
    env: checkout.env,
    stdout: "null",
  }).output();
  assertEquals(code, 0);
  assertEquals(await Deno.readTextFile(`${checkout.path}/deno.lock`), lock);
});

/** One message, whose function says what it found. */
async function assertRuns(checkout: Checkout, functionsDir: string): Promise<void> {
  await using place = await BrokerPlace.make();
  const env = { ...place.env, WARREN_DATA: `${checkout.home}/data`, BROKER: "embedded" };
  await using runner = await startServing({ checkout, functionsDir, env });
  assertEquals(await post(runner, "packaged", "x"), 202);
  await runner.waitForLog(({ message }) => message === "handled" || message.includes("is broken"), 20_000);
  assertEquals(handledBy(runner).map(({ next }) => next), [true]);
  const { packaged } = await seen(runner);
  assert(packaged.state === "serving", packaged.error);
}
