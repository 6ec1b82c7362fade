import { assertEquals } from "@std/assert";
import type { AMQPChannel } from "@cloudamqp/amqp-client";
import { Acks } from "../../../lib/amqp/consuming/acks.ts";

type Channel = Pick<AMQPChannel, "basicAck" | "closed">;

/** A channel that notes what is acked. */
function fakeChannel() {
  const sent: [tag: number, multiple: boolean | undefined][] = [];
  const channel: Channel & { closed: boolean } = {
    closed: false,
    basicAck: (tag, multiple) => {
      sent.push([tag, multiple]);
      return Promise.resolve();
    },
  };
  return { channel, sent };
}

function deliver(acks: Acks, count: number): void {
  for (let tag = 1; tag <= count; tag++) acks.delivered(tag);
}

const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve));

Deno.test("what is done in one turn from the oldest on is one ack", async () => {
  const { channel, sent } = fakeChannel();
  const acks = new Acks(channel);
  deliver(acks, 5);
  for (const tag of [3, 1, 2]) acks.ack(tag);
  assertEquals(sent, []);
  await nextTurn();
  assertEquals(sent, [[3, true]]);
  assertEquals(acks.outstanding, 2);
});

Deno.test("what is done behind an open delivery is acked one by one", () => {
  const { channel, sent } = fakeChannel();
  const acks = new Acks(channel);
  deliver(acks, 5);
  for (const tag of [5, 1, 3]) acks.ack(tag);
  acks.flush();
  assertEquals(sent, [[1, true], [5, false], [3, false]]);
  assertEquals(acks.outstanding, 2);
  acks.ack(2);
  acks.ack(4);
  acks.flush();
  assertEquals(sent.slice(3), [[4, true]]);
  assertEquals(acks.outstanding, 0);
});

Deno.test("one ack never covers a delivery that is still open", () => {
  const { channel, sent } = fakeChannel();
  const acks = new Acks(channel);
  deliver(acks, 3);
  acks.ack(2);
  acks.ack(3);
  acks.flush();
  assertEquals(sent, [[2, false], [3, false]]);
  assertEquals(acks.outstanding, 1);
});

Deno.test("a delivery that was settled by a nack does not break the run", () => {
  const { channel, sent } = fakeChannel();
  const acks = new Acks(channel);
  deliver(acks, 3);
  acks.settledOtherwise(1);
  acks.ack(2);
  acks.ack(3);
  acks.flush();
  assertEquals(sent, [[3, true]]);
});

Deno.test("a closed channel is sent nothing", async () => {
  const { channel, sent } = fakeChannel();
  const acks = new Acks(channel);
  deliver(acks, 1);
  acks.ack(1);
  channel.closed = true;
  await nextTurn();
  assertEquals(sent, []);
});

Deno.test("a channel that closes while it is acked is no error", async () => {
  const acks = new Acks({ closed: false, basicAck: () => Promise.reject(new Error("Channel is closed")) });
  deliver(acks, 1);
  acks.ack(1);
  await nextTurn();
});

Deno.test("who waits until all is settled waits for the last ack and the last nack", async () => {
  const { channel } = fakeChannel();
  const acks = new Acks(channel);
  deliver(acks, 2);
  let drained = false;
  void acks.drained().then(() => drained = true);
  acks.ack(1);
  await nextTurn();
  assertEquals(drained, false);
  acks.settledOtherwise(2);
  await nextTurn();
  assertEquals(drained, true);
});

Deno.test("once the channel is gone nothing is outstanding, and nobody waits for it", async () => {
  const { channel, sent } = fakeChannel();
  const acks = new Acks(channel);
  deliver(acks, 2);
  const drained = acks.drained();
  acks.ack(1);
  acks.lose();
  await drained;
  await acks.drained();
  await nextTurn();
  assertEquals([acks.outstanding, sent], [0, []]);
});

Deno.test("whatever is acked in whatever order, each delivery is acked once, and none that is open", () => {
  let seed = 7;
  const random = (below: number) => (seed = (seed * 1103515245 + 12345) % 2 ** 31) % below;
  const { channel, sent } = fakeChannel();
  const acks = new Acks(channel);
  const open: number[] = [];
  const acked = new Set<number>();
  const otherwise = new Set<number>();
  const wanted = new Set<number>();
  let covered = 0;
  for (let step = 1, tag = 0; step <= 20_000; step++) {
    const what = random(10);
    if (what < 5 && open.length < 300) {
      open.push(++tag);
      acks.delivered(tag);
    } else if (what < 9 && open.length > 0) {
      // The oldest stays open for long, so that nearly all is acked one by one.
      const [settled] = open.splice(step % 5_000 < 4_000 ? Math.min(1 + random(open.length), open.length - 1) : 0, 1);
      if (random(20) === 0) {
        acks.settledOtherwise(settled);
        otherwise.add(settled);
      } else {
        acks.ack(settled);
        wanted.add(settled);
      }
    } else {
      acks.flush();
      for (const [last, multiple] of sent.splice(0)) {
        for (let each = multiple ? covered + 1 : last!; each <= last!; each++) {
          assertEquals(open.includes(each), false, `${each} is open`);
          if (multiple && (acked.has(each) || otherwise.has(each))) continue;
          assertEquals([acked.has(each), otherwise.has(each)], [false, false]);
          acked.add(each);
        }
        if (multiple) covered = last!;
      }
      assertEquals(acked.size, wanted.size);
      assertEquals(acks.outstanding, open.length);
      if (open.length > 0) assertEquals(acks.lastOutstanding([open[0], tag]), [...new Set([open[0], open.at(-1)!])]);
    }
  }
});
