import { assertEquals } from "@std/assert";
import { Pace } from "../../../lib/amqp/consuming/pace.ts";
import { Backoff } from "../../../lib/base/time/backoff.ts";

Deno.test("what ends again and again begins at once the first time, then after growing pauses, until it lasts", () => {
  let now = 1_000;
  const backoff = new Backoff({ initial: 100, max: 1_000, random: () => 1 });
  const pace = new Pace({ steady: 10_000, backoff, now: () => now });
  const waits: number[] = [];
  const run = (lasts: number) => {
    pace.begin();
    now += lasts;
    pace.end();
    const ended = now;
    while (!pace.due) now += 50;
    waits.push(now - ended);
  };
  for (let n = 0; n < 5; n++) run(10);
  assertEquals([waits, pace.failing], [[0, 100, 200, 400, 800], true]);
  run(20_000);
  run(10);
  run(10);
  assertEquals(waits.slice(5), [0, 0, 100]);
});
