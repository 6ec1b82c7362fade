import { assert, assertEquals } from "@std/assert";
import { Connection } from "../../lib/broker/server/connection.ts";
import { LIMITS } from "../../lib/broker/server/limits.ts";
import type { Transport } from "../../lib/broker/server/transport.ts";
import { Logger } from "../../lib/base/log.ts";
import { Turns } from "../../lib/base/time/turns.ts";
import { methodFrame, OPENING, publishFrames } from "./deaf_client.ts";
import { joined } from "./fuzz_frames.ts";
import { makeMessage } from "./messages.ts";
import { Host } from "./virtual_host.ts";

/** A client whose reads and writes resolve in the same turn, as those of a socket do that has data and room. */
class EagerTransport implements Transport {
  readonly remote = "test";
  reads = 0;
  written = 0;
  readonly #first: Uint8Array;
  readonly #then: Uint8Array;
  #left: number;
  #closed = false;
  #wake = Promise.withResolvers<void>();

  /** Reads the first bytes, and then the others so many times; after that there is nothing until it is closed. */
  constructor(first: Uint8Array, then: Uint8Array = new Uint8Array(0), times = 0) {
    this.#first = first;
    this.#then = then;
    this.#left = times;
  }

  async read(buffer: Uint8Array): Promise<number | null> {
    while (this.reads > 0 && this.#left <= 0) {
      if (this.#closed) return null;
      await this.#wake.promise;
    }
    if (this.reads > 0) this.#left--;
    const bytes = this.reads++ === 0 ? this.#first : this.#then;
    buffer.set(bytes);
    return bytes.length;
  }

  /** The others are there so many times more. */
  more(times: number): void {
    this.#left = times;
    this.#wake.resolve();
    this.#wake = Promise.withResolvers();
  }

  write(bytes: Uint8Array): Promise<void> {
    this.written += bytes.length;
    return Promise.resolve();
  }

  finish(): void {}

  close(): void {
    this.#closed = true;
    this.#wake.resolve();
  }
}

/** Turns whose time passes by a millisecond at each look at the clock, so that a turn has some twenty looks. */
function tickingTurns(): Turns {
  let time = 0;
  return new Turns({ now: () => time++ });
}

function connect(transport: Transport, host: Host, turns: Turns): Connection {
  const { vhost, store } = host;
  return new Connection(transport, {
    vhost,
    store,
    limits: LIMITS,
    turns,
    users: { guest: "guest" },
    version: "0.0.0",
    log: new Logger({ level: "silent" }),
    alarm: undefined,
    shortOfMemory: false,
    released: () => {},
  }, true);
}

const timer = () => new Promise<void>((resolve) => setTimeout(resolve, 0));

Deno.test("timers get their turn while a client's data is always ready", async () => {
  using host = new Host();
  const batch = joined(Array.from({ length: 100 }, () => publishFrames({ exchange: "amq.fanout" }, new Uint8Array(0))));
  const transport = new EagerTransport(OPENING, batch, 300);
  const served = connect(transport, host, tickingTurns()).serve();
  let timers = 0;
  for (; transport.reads < 300; timers++) await timer();
  assert(timers > 20, `${timers} timers`);
  transport.close();
  await served;
});

Deno.test("timers get their turn while a consumer takes a backlog as fast as it is sent", async () => {
  using host = new Host();
  const queue = host.queue("q");
  const body = new Uint8Array(1_000);
  for (let count = 0; count < 5_000; count++) queue.publish(makeMessage(body));
  const consuming = joined([OPENING, methodFrame(1, "basic.consume", { queue: "q", noAck: true })]);
  const transport = new EagerTransport(consuming);
  const served = connect(transport, host, tickingTurns()).serve();
  let timers = 0;
  for (; queue.messageCount > 0; timers++) await timer();
  assert(timers > 5, `${timers} timers`);
  transport.close();
  await served;
  assert(transport.written > 5_000 * body.length);
});

Deno.test("what a connection gives back at its end comes in parts, and all of it", async () => {
  using host = new Host();
  const queue = host.queue("q");
  for (let count = 0; count < 5_500; count++) queue.publish(makeMessage("x"));
  const transport = new EagerTransport(joined([OPENING, methodFrame(1, "basic.consume", { queue: "q" })]));
  const served = connect(transport, host, tickingTurns()).serve();
  while (queue.messageCount > 0) await timer();
  transport.close();
  await served;
  let parts = 0;
  for (let last = 0; queue.messageCount < 5_500; parts++) {
    assert(queue.messageCount >= last);
    last = queue.messageCount;
    await timer();
  }
  assert(parts > 0);
  assertEquals(queue.messageCount, 5_500);
});

Deno.test("an ack of very many deliveries is done in parts, and before the next frame", async () => {
  using host = new Host();
  const queue = host.queue("q");
  for (let count = 0; count < 50_500; count++) queue.publish(makeMessage("x"));
  const consume = joined([OPENING, methodFrame(1, "basic.consume", { queue: "q" })]);
  const acks = joined([
    methodFrame(1, "basic.nack", { deliveryTag: 0, multiple: true, requeue: false }),
    // Not known any more: all before it were settled when it is looked at.
    methodFrame(1, "basic.ack", { deliveryTag: 50_500 }),
  ]);
  const transport = new EagerTransport(consume, acks, 0);
  const connection = connect(transport, host, tickingTurns());
  const served = connection.serve();
  while (queue.messageCount > 0) await timer();
  const before = transport.written;
  transport.more(1);
  let parts = 0;
  for (; transport.written === before; parts++) await timer();
  assert(parts > 0);
  assertEquals(connection.vhost.queue("q")!.messageCount, 0);
  transport.close();
  await served;
  assertEquals(queue.messageCount, 0);
});
