import { assertEquals } from "@std/assert";
import { EventLoopDelay } from "../../../lib/telemetry/metrics/event_loop_delay.ts";
import { FakeTimers } from "../../serving/fake_timers.ts";

Deno.test("the delay of timers is measured from the first question on, and not for ever after the last", async () => {
  const timers = new FakeTimers();
  const delay = new EventLoopDelay(timers);
  await timers.pass(10_000);
  assertEquals(timers.waiting, 0);
  const counts = delay.read();
  await timers.pass(1_000);
  assertEquals([counts.cumulative().at(-1), counts.sum, timers.waiting], [4, 0, 1]);
  await timers.pass(600_000);
  assertEquals(timers.waiting, 0);
  const measured = counts.cumulative().at(-1)!;
  delay.read();
  await timers.pass(250);
  assertEquals(counts.cumulative().at(-1), measured + 1);
  delay.stop();
  assertEquals(timers.waiting, 0);
});

Deno.test("a timer that is late counts with what it was late", () => {
  let now = 0;
  let call = () => {};
  const delay = new EventLoopDelay({
    now: () => now,
    after: (_, given) => {
      call = given;
      return () => {};
    },
  });
  const seen: number[] = [];
  delay.sink = (seconds) => void seen.push(seconds);
  const counts = delay.read();
  now = 650;
  call();
  assertEquals([counts.sum, seen], [0.4, [0.4]]);
});
