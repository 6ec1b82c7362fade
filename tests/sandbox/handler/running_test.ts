import { assert } from "@std/assert";
import { RunningMap } from "../../../lib/sandbox/handler/running.ts";

Deno.test("idle() resolves when the last one has ended, and again after more have run", async () => {
  const running = new RunningMap<string>();
  await running.idle();
  for (let round = 0; round < 2; round++) {
    running.set(1, "one");
    running.set(2, "other");
    let idle = false;
    const waiting = Promise.all([running.idle(), running.idle()]).then(() => idle = true);
    running.delete(1);
    running.delete(1);
    await new Promise((resolve) => setImmediate(resolve));
    assert(!idle);
    running.delete(2);
    await waiting;
  }
});
