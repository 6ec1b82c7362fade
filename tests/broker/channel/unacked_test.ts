import { assertEquals, assertThrows } from "@std/assert";
import { AmqpError } from "../../../lib/broker/protocol/amqp_error.ts";
import type { Queue } from "../../../lib/broker/queue/queue.ts";
import { type Delivery, Unacked } from "../../../lib/broker/channel/unacked.ts";
import { makeEntry } from "../messages.ts";
import { Random } from "../random.ts";

const queue = {} as Queue;

function delivery(position: number): Delivery<string> {
  return { entry: makeEntry(position), queue, consumer: undefined };
}

function tags(taken: [number, Delivery<string>][]): number[] {
  return taken.map(([tag]) => tag);
}

Deno.test("tags are taken one by one, up to one, or all, as a plain list has them", () => {
  const random = new Random(12);
  const unacked = new Unacked<string>();
  let plain: number[] = [];
  let last = 0;
  for (let step = 0; step < 5_000; step++) {
    const kind = random.next();
    if (kind < 0.5) {
      plain.push(++last);
      assertEquals(unacked.add(delivery(last)), last);
    } else if (kind < 0.55) assertEquals(unacked.nextTag(), ++last);
    else if (kind < 0.8) {
      const tag = random.int(last + 3);
      if (tag !== 0 && plain.includes(tag)) {
        assertEquals(tags(unacked.take(tag, false)), [tag]);
        plain = plain.filter((each) => each !== tag);
      } else assertEquals(assertThrows(() => unacked.take(tag, false), AmqpError).code, 406);
    } else if (kind < 0.99) {
      const tag = random.pick([...plain, last + 1]);
      const wanted = plain.filter((each) => each <= tag);
      if (tag > last) assertThrows(() => unacked.take(tag, true), AmqpError);
      else {
        assertEquals(tags(unacked.take(tag, true)), wanted);
        plain = plain.filter((each) => each > tag);
      }
    } else {
      assertEquals(tags(unacked.take(0, true)), plain);
      plain = [];
    }
    assertEquals(unacked.size, plain.length);
  }
});

Deno.test("up to a tag that was settled before takes those before it", () => {
  const unacked = new Unacked<string>();
  for (let tag = 1; tag <= 5; tag++) unacked.add(delivery(tag));
  unacked.take(3, false);
  assertEquals(tags(unacked.take(3, true)), [1, 2]);
  assertThrows(() => unacked.take(3, true), AmqpError, "unknown delivery tag 3");
});

Deno.test("what is put back is in its old order", () => {
  const unacked = new Unacked<string>();
  for (let tag = 1; tag <= 5; tag++) unacked.add(delivery(tag));
  const taken = [...unacked.take(4, false), ...unacked.take(2, false)];
  unacked.add(delivery(6));
  unacked.restore(taken);
  assertEquals(tags(unacked.takeAll()), [1, 2, 3, 4, 5, 6]);
});
