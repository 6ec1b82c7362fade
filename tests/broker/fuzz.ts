import { assert, assertEquals } from "@std/assert";
import { encodeMethod, methodIds, type MethodName } from "../support/amqp/methods.ts";
import { encodeFrame, FRAME_METHOD, PROTOCOL_HEADER } from "../support/amqp/wire.ts";
import { eventually } from "../support/eventually.ts";
import { BrokerChild } from "./broker_child.ts";
import { fuzzFrames, joined, open } from "./fuzz_frames.ts";
import type { Random } from "./random.ts";

/** Connections at the same time. */
const AT_ONCE = 8;
/** Frames that leave in one write. */
const CHUNK = 24;
/** Milliseconds that the broker may take to end a connection whose client has ended its side. */
const PATIENCE = 5_000;
/** Milliseconds that the neighbour's message may take, on a machine whose cores are all busy. */
const LATENCY = 1_000;
const MEGABYTE = 1024 * 1024;

/** What a fuzz run was like. */
export interface FuzzReport {
  frames: number;
  connections: number;
  /** How many got through the handshake. */
  opened: number;
  /** Closes by reply code, those of channels and those of connections. */
  closes: Map<number, number>;
  neighbour: { messages: number; worst: number };
}

/**
 * Sends `frames` frames, many of them wrong, while a neighbour publishes and gets. Fails where the broker exits, says
 * that it has a fault, keeps the neighbour waiting, grows, keeps a connection, or cannot read its data again.
 */
export async function fuzz(random: Random, frames: number): Promise<FuzzReport> {
  await using broker = await BrokerChild.start();
  const report: FuzzReport = {
    frames: 0,
    connections: 0,
    opened: 0,
    closes: new Map(),
    neighbour: { messages: 0, worst: 0 },
  };
  const sockets = countSockets(broker);
  let done = false;
  // What code and buffers take is there after a while; what grows after that is kept for no reason.
  let before = 0;
  const worker = async () => {
    while (report.frames < frames && !done) {
      report.connections++;
      await new FuzzClient(random.fork(), report).run(Number(new URL(broker.url).port));
      if (before === 0 && report.frames > frames / 5) before = broker.rss;
    }
  };
  const workers = Promise.all(Array.from({ length: AT_ONCE }, worker)).finally(() => done = true);
  const neighbour = serveNeighbour(broker, report, () => done).finally(() => done = true);
  const [worked, served] = await Promise.allSettled([workers, neighbour]);
  if (worked.status === "rejected" || served.status === "rejected") {
    // What it said before it went says more than that it went.
    await eventually(() => faults(broker).length > 0, { timeout: 1_000 }).catch(() => {});
    assertEquals(faults(broker), []);
    await Promise.all([workers, neighbour]);
  }
  const grown = broker.rss - before;
  assert(grown < 200 * MEGABYTE, `the broker grew by ${Math.round(grown / MEGABYTE)} MB`);
  assert(report.neighbour.worst < LATENCY, `the neighbour waited ${Math.round(report.neighbour.worst)} ms`);
  await eventually(() => countSockets(broker) === sockets, { what: "the end of all connections in the broker" });
  assertEquals(faults(broker), []);
  assertEquals(await broker.stop(), { code: 0, signal: null });
  // Nothing that was sent spoilt the data.
  await broker.start();
  return report;
}

/** What the broker says that is its own fault, each once, with where it was. */
function faults({ log }: BrokerChild): string[] {
  const errors = log.filter(({ level }) => level === "error");
  return [...new Set(errors.map(({ message, stack }) => `${message}\n${stack ?? ""}`))];
}

/** One connection of random frames. */
class FuzzClient {
  readonly #random: Random;
  readonly #report: FuzzReport;
  #connection!: Deno.TcpConn;
  #rest = new Uint8Array(0);
  /** What the broker's frames ask to be answered with. */
  #answers: Uint8Array[] = [];
  #news = Promise.withResolvers<void>();
  #over = false;

  constructor(random: Random, report: FuzzReport) {
    this.#random = random;
    this.#report = report;
  }

  async run(port: number): Promise<void> {
    const random = this.#random;
    this.#connection = await Deno.connect({ hostname: "127.0.0.1", port });
    const reading = this.#read();
    // A client that goes on without reading, and one that goes without a word, are clients too.
    const polite = random.chance(0.9);
    await this.#write(random.chance(0.01) ? random.bytes(8) : PROTOCOL_HEADER);
    const count = random.pick([20, 100, 400, 400]);
    let chunk: Uint8Array[] = [];
    for (const frame of fuzzFrames(random, count, random.pick([0, 0.002, 0.01, 0.05, 0.5]))) {
      // What answers the broker does not belong between a method and its content.
      if (chunk.length >= CHUNK && frame[0] === FRAME_METHOD) {
        await this.#send(chunk);
        chunk = [];
        if (this.#over) break;
        if (polite) await this.#waitForNews();
      }
      chunk.push(frame);
    }
    await this.#send(chunk);
    if (polite) {
      await this.#write(joined(this.#answers));
      await this.#connection.closeWrite().catch(() => {});
      await within(reading, "the broker to end a connection whose client has ended");
    }
    this.#connection.close();
    await reading;
  }

  async #send(frames: readonly Uint8Array[]): Promise<void> {
    this.#report.frames += frames.length;
    await this.#write(joined([...this.#answers.splice(0), ...frames]));
  }

  async #read(): Promise<void> {
    const buffer = new Uint8Array(64 * 1024);
    try {
      for (;;) {
        const count = await this.#connection.read(buffer);
        if (count === null) break;
        this.#take(buffer.subarray(0, count));
        this.#news.resolve();
      }
    } catch {
      // A reset is an end.
    }
    this.#over = true;
    this.#news.resolve();
  }

  #take(bytes: Uint8Array): void {
    const all = joined([this.#rest, bytes]);
    const view = new DataView(all.buffer);
    let at = 0;
    while (all.length - at >= 8) {
      const next = at + view.getUint32(at + 3) + 8;
      if (next > all.length) break;
      if (all[at] === FRAME_METHOD) this.#method(view, at);
      at = next;
    }
    this.#rest = all.slice(at);
  }

  #method(view: DataView, at: number): void {
    const channel = view.getUint16(at + 1);
    const is = (name: MethodName) => {
      const [classId, methodId] = methodIds(name);
      return view.getUint16(at + 7) === classId && view.getUint16(at + 9) === methodId;
    };
    if (is("connection.openOk")) this.#report.opened++;
    const closes = is("channel.close") || is("connection.close");
    if (!closes) return;
    const code = view.getUint16(at + 11);
    this.#report.closes.set(code, (this.#report.closes.get(code) ?? 0) + 1);
    if (channel > 0) {
      this.#answers.push(encodeFrame(FRAME_METHOD, channel, encodeMethod("channel.closeOk", {})), open(channel));
    } else this.#answers.push(encodeFrame(FRAME_METHOD, 0, encodeMethod("connection.closeOk", {})));
  }

  /** Gives what the broker says a moment to come. */
  async #waitForNews(): Promise<void> {
    const { promise } = this.#news = Promise.withResolvers<void>();
    const timer = setTimeout(() => this.#news.resolve(), 2);
    await promise;
    clearTimeout(timer);
  }

  async #write(bytes: Uint8Array): Promise<void> {
    try {
      for (let sent = 0; sent < bytes.length;) {
        sent += await within(this.#connection.write(bytes.subarray(sent)), "the broker to take what is sent");
      }
    } catch (error) {
      if (error instanceof Late) throw error;
      this.#over = true;
    }
  }
}

class Late extends Error {}

async function within<T>(promise: Promise<T>, what: string): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Late(`waited ${PATIENCE} ms for ${what}`)), PATIENCE);
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Publishes and gets, one message after the other, and notes how long the slowest took. */
async function serveNeighbour(broker: BrokerChild, { neighbour }: FuzzReport, done: () => boolean): Promise<void> {
  await using client = await broker.connect();
  const channel = await client.channel();
  const { queue } = await channel.call("queue.declare", { exclusive: true });
  await channel.consume(queue, { noAck: true });
  while (!done()) {
    const body = `${neighbour.messages++}`;
    const started = performance.now();
    await channel.publishConfirmed({ routingKey: queue }, body);
    assertEquals((await channel.nextDelivery()).text, body);
    neighbour.worst = Math.max(neighbour.worst, performance.now() - started);
    client.frames.length = 0;
    channel.arrived.length = 0;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** Sockets that the broker's process has open. */
function countSockets({ pid }: BrokerChild): number {
  let sockets = 0;
  for (const { name } of Deno.readDirSync(`/proc/${pid}/fd`)) {
    try {
      if (Deno.readLinkSync(`/proc/${pid}/fd/${name}`).startsWith("socket:")) sockets++;
    } catch {
      // Closed meanwhile.
    }
  }
  return sockets;
}

/** One line for people. */
export function summaryOf({ frames, connections, opened, closes, neighbour }: FuzzReport): string {
  const codes = [...closes].sort(([a], [b]) => a - b).map(([code, count]) => `${code}: ${count}`).join(", ");
  return `${frames} frames on ${connections} connections, ${opened} of them opened; closes by code: ${codes}; ` +
    `the neighbour had ${neighbour.messages} messages, the slowest in ${Math.round(neighbour.worst)} ms`;
}
