import { assertEquals } from "@std/assert";
import { Entry } from "../../../lib/broker/queue/entry.ts";
import { Returned } from "../../../lib/broker/channel/returned.ts";
import { Random } from "../random.ts";

Deno.test("what came back is given lowest position first, in whatever order it came", () => {
  const random = new Random(2);
  const returned = new Returned();
  const plain: number[] = [];
  for (let step = 0; step < 3_000; step++) {
    if (random.chance(0.55)) {
      const position = random.int(10_000);
      returned.push(new Entry(position, undefined, 0, 0));
      plain.push(position);
      plain.sort((a, b) => a - b);
    } else {
      assertEquals(returned.peek()?.position, plain[0]);
      assertEquals(returned.shift()?.position, plain.shift());
    }
    assertEquals(returned.length, plain.length);
  }
  returned.clear();
  assertEquals([returned.length, returned.peek(), returned.shift()], [0, undefined, undefined]);
});
