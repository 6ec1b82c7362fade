import type { AMQPMessage } from "@cloudamqp/amqp-client";
import { assertEquals } from "@std/assert";
import { type Copy, CopyLane } from "../../../lib/amqp/order/copy_lane.ts";
import { Backoff } from "../../../lib/base/time/backoff.ts";
import { eventually } from "../../support/eventually.ts";

const FULL = new Error("Message rejected");

/** A lane into a queue that does as the test says with each copy, named by key and number. */
class Lane implements Disposable {
  readonly sent: string[] = [];
  readonly done: string[] = [];
  readonly impossible: string[] = [];
  readonly pauses: number[] = [];
  refusals = 0;
  closed = false;
  readonly #end = new AbortController();
  readonly #lane: CopyLane;

  constructor(publish: (name: string) => Promise<void>) {
    const backoff = new Backoff({ initial: 2, max: 16, random: () => 1 });
    const { next } = backoff;
    backoff.next = () => {
      this.pauses.push(next.call(backoff));
      return this.pauses.at(-1)!;
    };
    this.#lane = new CopyLane({
      publish: (copy) => {
        this.sent.push(nameOf(copy));
        return publish(nameOf(copy));
      },
      closed: () => this.closed,
      onDone: (copy) => this.done.push(nameOf(copy)),
      onImpossible: (copy) => this.impossible.push(nameOf(copy)),
      onRefused: () => this.refusals++,
      signal: this.#end.signal,
      backoff,
    });
  }

  add(...names: string[]): void {
    for (const name of names) {
      const message = { deliveryTag: Number(name.slice(1)) } as AMQPMessage;
      this.#lane.add({ message, key: name[0], properties: {} });
    }
  }

  [Symbol.dispose](): void {
    this.#end.abort();
  }
}

function nameOf({ key, message }: Copy): string {
  return `${key}${message.deliveryTag}`;
}

Deno.test("copies leave side by side while the queue takes them", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  using lane = new Lane(() => promise);
  lane.add("a1", "a2", "b3");
  assertEquals(lane.sent, ["a1", "a2", "b3"]);
  resolve();
  await eventually(() => lane.done.length === 3);
});

Deno.test("a full queue is tried again after growing pauses, with one copy at a time", async () => {
  let room = 0;
  using lane = new Lane(() => room-- > 0 ? Promise.resolve() : Promise.reject(FULL));
  lane.add("a1", "b2");
  await eventually(() => lane.pauses.length >= 5);
  assertEquals(lane.pauses.slice(0, 5), [2, 4, 8, 16, 16]);
  assertEquals([lane.done, lane.refusals], [[], 1]);
  lane.add("a3");
  room = 10;
  await eventually(() => lane.done.length === 3);
  assertEquals(lane.done, ["a1", "b2", "a3"]);
});

Deno.test("what was copied beside one that was refused is done, and not sent again", async () => {
  let refuse = true;
  using lane = new Lane((name) => name === "a1" && refuse ? Promise.reject(FULL) : Promise.resolve());
  lane.add("a1", "b2", "c3");
  await eventually(() => lane.pauses.length >= 3);
  assertEquals(lane.done, ["b2", "c3"]);
  refuse = false;
  await eventually(() => lane.done.length === 3);
  assertEquals(lane.sent.filter((name) => name !== "a1"), ["b2", "c3"]);
});

Deno.test("what was copied before one of its key that was refused is sent once more, behind that", async () => {
  let refusals = 1;
  using lane = new Lane((name) => name === "a1" && refusals-- > 0 ? Promise.reject(FULL) : Promise.resolve());
  lane.add("a1", "a2", "b3");
  await eventually(() => lane.done.length === 3);
  assertEquals(lane.done, ["b3", "a1", "a2"]);
  assertEquals(lane.sent, ["a1", "a2", "b3", "a1", "a2"]);
});

Deno.test("what can never be copied is said to be so once, and holds nothing back", async () => {
  using lane = new Lane((name) => name === "a1" ? Promise.reject(new RangeError("no such date")) : Promise.resolve());
  lane.add("a1", "a2");
  await eventually(() => lane.done.length === 1);
  assertEquals([lane.impossible, lane.done, lane.pauses], [["a1"], ["a2"], []]);
});

Deno.test("a channel that is closed is the end: what it has comes again by itself", async () => {
  for (const error of ["Channel is closed", "read ECONNRESET"]) {
    using lane = new Lane(() => {
      lane.closed = error.startsWith("read");
      return Promise.reject(new Error(error));
    });
    lane.add("a1");
    await new Promise((resolve) => setImmediate(resolve));
    assertEquals([lane.sent, lane.done, lane.impossible, lane.pauses], [["a1"], [], [], []]);
  }
});

Deno.test("a lane that has ended tries nothing again", async () => {
  const lane = new Lane(() => Promise.reject(FULL));
  lane.add("a1");
  await eventually(() => lane.pauses.length >= 1);
  lane[Symbol.dispose]();
  const { length } = lane.sent;
  await new Promise((resolve) => setImmediate(resolve));
  lane.add("a2");
  await new Promise((resolve) => setImmediate(resolve));
  assertEquals(lane.sent.slice(length), []);
});
