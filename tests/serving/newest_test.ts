import { assertEquals } from "@std/assert";
import { settled } from "./fake_timers.ts";
import { QUEUE, Served } from "./served.ts";

Deno.test("the newest message that came for the first time says how old those behind it may be", async () => {
  const one = await Served.start({ prefetch: 10 });
  assertEquals(one.served.newest, undefined);
  const [first, second] = [new Date("2026-03-01T10:00:00Z"), new Date("2026-03-01T10:00:05Z")];
  one.broker.publish(QUEUE, ["a"], { timestamp: first });
  one.broker.publish(QUEUE, ["b"], { timestamp: second });
  await settled();
  assertEquals(one.served.newest, second);
  // A retry carries the time of its first publish, and is back at the end of the queue.
  one.broker.publish(QUEUE, ["a"], { timestamp: first, headers: { "warren-attempt": 2 } });
  await settled();
  assertEquals(one.served.newest, second);
  // Without a time nothing is known: an earlier one says nothing any more.
  one.broker.publish(QUEUE, ["c"]);
  await settled();
  assertEquals(one.served.newest, undefined);
  await one.close();
});
