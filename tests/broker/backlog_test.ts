import { assert, assertEquals } from "@std/assert";
import type { Entry } from "../../lib/broker/queue/entry.ts";
import { bodyOf, makeMessage } from "./messages.ts";
import { Random } from "./random.ts";
import { Host } from "./virtual_host.ts";

const PERSISTENT = { deliveryMode: 2 };

Deno.test("a backlog of small transient and large persistent messages comes whole and in order", () => {
  using host = new Host();
  const queue = host.queue("q");
  const bodies = Array.from({ length: 6_000 }, (_, index) => `${index}`.padEnd(index % 2 === 0 ? 10 : 10_000, "."));
  for (const [index, body] of bodies.entries()) queue.publish(makeMessage(body, index % 2 === 0 ? {} : PERSISTENT));
  host.commit();
  for (const body of bodies) {
    const entry = queue.get()!;
    assertEquals(bodyOf(queue.messageOf(entry)).slice(0, 10), body.slice(0, 10));
    queue.ack(entry);
  }
  assertEquals([queue.messageCount, queue.get()], [0, undefined]);
});

interface Waiting {
  body: string;
  priority: number;
  order: number;
  persistent: boolean;
  /** 0 is never. */
  expiresAt: number;
  delivered: boolean;
}

/** A queue with limits so small that everything reaches them, and beside it a sorted list that it must agree with. */
class Bench implements Disposable {
  readonly #random: Random;
  readonly #host: Host;
  readonly #realNow = Date.now;
  #now = Date.now();
  #window = { entries: 3, bytes: 2_500 };
  #published = 0;
  #waiting: Waiting[] = [];
  /** What was delivered and not settled. */
  #out: { entry: Entry; waiting: Waiting }[] = [];

  constructor(random: Random) {
    this.#random = random;
    Date.now = () => this.#now;
    const paging = {
      page: { entries: random.between(1, 6), bytes: random.between(1, 6_000) },
      low: random.between(1, 4),
    };
    this.#host = new Host({ window: () => this.#window, paging, flushBytes: random.between(1, 30_000) });
    this.#host.queue("q", { "x-max-priority": 3 });
  }

  get #queue() {
    return this.#host.vhost.queue("q")!;
  }

  get outstanding(): number {
    return this.#out.length;
  }

  publish(): void {
    const random = this.#random;
    const body = `${this.#published}`.padEnd(random.pick([0, 5, 30, 200, 1_000]), ".");
    const priority = random.int(4);
    const persistent = random.chance(0.5);
    const ttl = random.chance(0.1) ? random.between(1, 50) : undefined;
    const expiration = ttl === undefined ? undefined : `${ttl}`;
    this.#queue.publish(makeMessage(body, { priority, deliveryMode: persistent ? 2 : 1, expiration }));
    const expiresAt = ttl === undefined ? 0 : this.#now + ttl;
    this.#waiting.push({ body, priority, order: this.#published++, persistent, expiresAt, delivered: false });
    this.#sort();
  }

  get(): boolean {
    let wanted = this.#waiting.shift();
    while (wanted && wanted.expiresAt !== 0 && wanted.expiresAt <= this.#now) wanted = this.#waiting.shift();
    const entry = this.#queue.get();
    assertEquals(entry && bodyOf(this.#queue.messageOf(entry)), wanted?.body);
    if (!entry || !wanted) return false;
    if (wanted.delivered) assert(entry.redelivered, `${wanted.body} does not say that it was delivered before`);
    wanted.delivered = true;
    this.#out.push({ entry, waiting: wanted });
    return true;
  }

  ack(): void {
    this.#queue.ack(this.#takeOut().entry);
  }

  requeue(): void {
    const { entry, waiting } = this.#takeOut();
    this.#queue.requeue(entry);
    this.#waiting.push(waiting);
    this.#sort();
  }

  commit(): void {
    this.#host.commit();
    for (const { entry } of this.#out) if (this.#random.chance(0.5)) this.#queue.unload(entry);
  }

  pass(): void {
    this.#now += this.#random.int(20);
  }

  resize(): void {
    this.#window = { entries: this.#random.int(10), bytes: this.#random.int(8_000) };
  }

  restart(): void {
    this.#host.restart(this.#random.chance(0.5));
    this.#waiting = [...this.#waiting, ...this.#out.map(({ waiting }) => waiting)].filter(({ persistent }) =>
      persistent
    );
    this.#out = [];
    this.#sort();
  }

  #takeOut(): { entry: Entry; waiting: Waiting } {
    return this.#out.splice(this.#random.int(this.#out.length), 1)[0];
  }

  #sort(): void {
    this.#waiting.sort((a, b) => b.priority - a.priority || a.order - b.order);
  }

  [Symbol.dispose](): void {
    Date.now = this.#realNow;
    this.#host[Symbol.dispose]();
  }
}

Deno.test("a queue gives what a sorted list gives, through acks, returns, expiry, small limits and restarts", () => {
  const random = Random.printed();
  for (let round = 0; round < 12; round++) {
    using bench = new Bench(random.fork());
    for (let step = 0; step < 1_200; step++) {
      const growing = Math.floor(step / 200) % 2 === 0;
      const kind = random.next();
      if (kind < (growing ? 0.6 : 0.1)) bench.publish();
      else if (kind < 0.75) bench.get();
      else if (kind < 0.9 && bench.outstanding > 0) bench.ack();
      else if (kind < 0.95 && bench.outstanding > 0) bench.requeue();
      else if (kind < 0.97) bench.commit();
      else if (kind < 0.98) bench.pass();
      else if (kind < 0.996) bench.resize();
      else bench.restart();
    }
    while (bench.get());
  }
});
