import { assertEquals } from "@std/assert";
import { Channel } from "../../../lib/broker/channel/channel.ts";
import { Output } from "../../../lib/broker/server/output.ts";
import type { Transport } from "../../../lib/broker/server/transport.ts";
import { Turns } from "../../../lib/base/time/turns.ts";
import { decodeMethod } from "../../support/amqp/methods.ts";
import { FRAME_METHOD } from "../../support/amqp/wire.ts";
import { makeMessage } from "../messages.ts";
import { Host } from "../virtual_host.ts";

/** Keeps what is written, each write for itself; a write lasts until it is let go. */
class Writes implements Transport {
  readonly remote = "test";
  readonly all: Uint8Array[] = [];
  #going: PromiseWithResolvers<void> | undefined;
  held = false;

  read(): Promise<number | null> {
    return Promise.resolve(null);
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.all.push(bytes.slice());
    if (this.held) await (this.#going = Promise.withResolvers()).promise;
  }

  letGo(): void {
    this.held = false;
    this.#going?.resolve();
  }

  /** The methods of each write, acks with what they say. */
  takeMethods(): string[][] {
    return this.all.splice(0).map(methodsOf);
  }

  finish(): void {}
  close(): void {}
}

function methodsOf(bytes: Uint8Array): string[] {
  const methods: string[] = [];
  const view = new DataView(bytes.buffer);
  for (let at = 0; at < bytes.length;) {
    const size = view.getUint32(at + 3);
    if (bytes[at] === FRAME_METHOD) {
      const method = decodeMethod(bytes.slice(at + 7, at + 7 + size));
      const { deliveryTag, multiple } = method.arguments as { deliveryTag?: number; multiple?: boolean };
      methods.push(deliveryTag === undefined ? method.name : `${method.name} ${deliveryTag}${multiple ? " all" : ""}`);
    }
    at += size + 8;
  }
  return methods;
}

/** A channel with confirms, on a queue `q` that lasts and one, `full`, that takes nothing. */
class Bench implements Disposable {
  readonly writes = new Writes();
  readonly output = new Output(this.writes);
  readonly #host = new Host();
  readonly #channel: Channel;

  constructor() {
    this.#host.queue("q");
    this.#host.queue("full", { "x-max-length": 0, "x-overflow": "reject-publish" });
    const { vhost, store } = this.#host;
    this.#channel = new Channel(1, {
      output: this.output,
      vhost,
      store,
      turns: new Turns(),
      user: "guest",
      frameMax: 4096,
      maxMessageSize: 1_000,
      wantsCancels: true,
      shortOfMemory: false,
      released: () => {},
      wakeLater: () => {},
      finishLater: () => {},
    });
    this.#channel.selectConfirms();
  }

  /** Takes a message of `q` and acks it. */
  ackOne(): void {
    const queue = this.#host.vhost.queue("q")!;
    this.#channel.answerGet(queue, queue.get()!, true);
  }

  publish(routingKey: "q" | "full" | "nowhere", deliveryMode = 1): void {
    const message = makeMessage("body", { deliveryMode }, { routingKey });
    this.#channel.publish({ message, mandatory: true });
  }

  [Symbol.dispose](): void {
    this.#channel.quiet();
    this.#channel.giveBack();
    this.#host[Symbol.dispose]();
  }
}

/** The commit is at the end of a turn of the event loop. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

Deno.test("a return and its confirm leave in one write, in that order", async () => {
  using bench = new Bench();
  for (let times = 0; times < 3; times++) {
    bench.publish("nowhere", 2);
    await bench.output.drained();
  }
  assertEquals(bench.writes.takeMethods(), [1, 2, 3].map((tag) => ["basic.return", `basic.ack ${tag}`]));
});

Deno.test("they leave in one write too where the write before it lasts", async () => {
  using bench = new Bench();
  bench.writes.held = true;
  bench.publish("nowhere");
  await Promise.resolve();
  bench.publish("nowhere");
  bench.writes.letGo();
  await bench.output.drained();
  assertEquals(bench.writes.takeMethods(), [["basic.return", "basic.ack 1"], ["basic.return", "basic.ack 2"]]);
});

Deno.test("what came together and needs no disk is confirmed together", async () => {
  using bench = new Bench();
  for (const key of ["q", "nowhere", "q", "full", "q"] as const) bench.publish(key);
  await bench.output.drained();
  assertEquals(bench.writes.takeMethods(), [["basic.return", "basic.nack 4", "basic.ack 5 all"]]);
});

Deno.test("what waits for the disk is confirmed after it, and holds nothing that came before or went back", async () => {
  using bench = new Bench();
  bench.publish("q");
  bench.publish("q", 2);
  bench.publish("q");
  bench.publish("nowhere");
  await bench.output.drained();
  assertEquals(bench.writes.takeMethods(), [["basic.ack 1", "basic.return", "basic.ack 4"]]);
  await nextTurn();
  await bench.output.drained();
  assertEquals(bench.writes.takeMethods(), [["basic.ack 3 all"]]);
  bench.publish("q");
  await bench.output.drained();
  assertEquals(bench.writes.takeMethods(), [["basic.ack 5"]]);
});

Deno.test("a confirm says that what the channel settled before it lasts too", async () => {
  using bench = new Bench();
  bench.publish("q", 2);
  await nextTurn();
  bench.ackOne();
  await bench.output.drained();
  bench.writes.takeMethods();
  bench.publish("q");
  await bench.output.drained();
  assertEquals(bench.writes.takeMethods(), []);
  await nextTurn();
  await bench.output.drained();
  assertEquals(bench.writes.takeMethods(), [["basic.ack 2"]]);
});
