import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Clock } from "../../lib/amqp/clock.ts";
import { Connection } from "../../lib/amqp/client/connection.ts";
import { Topology } from "../../lib/amqp/topology/topology.ts";
import { resolveFunctionConfig } from "../../lib/invocation/definition/function_config.ts";
import { Logger } from "../../lib/base/log.ts";
import { BrokerClient } from "../support/broker_client.ts";
import { brokerTest } from "../support/brokers.ts";
import { eventually } from "../support/eventually.ts";

/** The clock of a function that runs each second, by a clock of its own, and what it warns of concerning the schedule. */
class Ticking implements AsyncDisposable {
  readonly warnings: string[] = [];
  readonly #connection: Connection;
  readonly #clock: Clock;

  constructor(url: string, queue: string, now: () => Date) {
    const log = new Logger({ level: "warn", write: (line) => this.#warned(JSON.parse(line).message) });
    const definition = resolveFunctionConfig(
      { queue, schedule: "* * * * * *" },
      { name: "ticking", file: "/ticking.ts", version: "1" },
    );
    this.#connection = new Connection({ urls: [url], name: "test", log });
    this.#connection.start();
    const schedule = definition.schedule!;
    const [connection, topology] = [this.#connection, new Topology(log)];
    this.#clock = new Clock({ connection, topology, definition: { ...definition, schedule }, log, now });
    this.#clock.start();
  }

  /** That the queue of the token exists as a classic one is said as well. */
  #warned(message: string): void {
    if (message.includes("schedule's")) this.warnings.push(message);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#clock.stop();
    await this.#connection.close();
  }
}

const TODAY = Date.parse("2026-03-01T12:00:00.500Z");

/** A clock that shows `TODAY` when this is called, and goes on from there. */
function startAt(today: number): () => Date {
  const begun = performance.now();
  return () => new Date(today + performance.now() - begun);
}

/** A queue, with a token that says when its schedule ran last. */
async function scheduled(broker: BrokerClient, last: string): Promise<string> {
  const queue = broker.queue("scheduled");
  const tokens = broker.own(`warren.schedule.${queue}`);
  await broker.declare(queue);
  await broker.declare(tokens, true, { "x-single-active-consumer": true as unknown as number });
  await broker.publish(tokens, [last]);
  return queue;
}

async function nextRun(broker: BrokerClient, queue: string): Promise<string> {
  return JSON.parse((await broker.take(queue)).bodyString()!).scheduled;
}

brokerTest("a schedule whose last run lies ahead of now goes on from now, and says so once", async (url) => {
  await using broker = await BrokerClient.connect(url);
  const queue = await scheduled(broker, JSON.stringify({ last: "2027-03-01T12:00:00.000Z" }));
  await using ticking = new Ticking(url, queue, startAt(TODAY));
  assertEquals(await nextRun(broker, queue), "2026-03-01T12:00:01.000Z");
  assertEquals(await nextRun(broker, queue), "2026-03-01T12:00:02.000Z");
  assertEquals(ticking.warnings.length, 1, ticking.warnings.join("\n"));
  assertStringIncludes(ticking.warnings[0], "2027-03-01T12:00:00.000Z");
});

brokerTest(
  "the token of a clock that was ahead is replaced at once, so that no other runner waits for it",
  async (url) => {
    await using broker = await BrokerClient.connect(url);
    const queue = await scheduled(broker, JSON.stringify({ last: "2027-03-01T12:00:00.000Z" }));
    const yearly = new Date(TODAY);
    await using _ = new Ticking(url, queue, () => yearly);
    // The clock stands still: nothing is due, and the token is written all the same.
    await eventually(() => _.warnings.length === 1);
    await _[Symbol.asyncDispose]();
    const { last } = JSON.parse((await broker.take(`warren.schedule.${queue}`)).bodyString()!);
    assertEquals(last, yearly.toISOString());
  },
);

brokerTest("a last run that lies ahead by no more than clocks differ is not run again", async (url) => {
  await using broker = await BrokerClient.connect(url);
  const queue = await scheduled(broker, JSON.stringify({ last: "2026-03-01T12:00:02.000Z" }));
  await using ticking = new Ticking(url, queue, startAt(TODAY));
  assertEquals(await nextRun(broker, queue), "2026-03-01T12:00:03.000Z");
  assertEquals(ticking.warnings, []);
});

brokerTest("a token that cannot be read says that it ran just now", async (url) => {
  await using broker = await BrokerClient.connect(url);
  const queue = await scheduled(broker, "somebody else's");
  await using _ = new Ticking(url, queue, startAt(TODAY));
  assertEquals(await nextRun(broker, queue), "2026-03-01T12:00:01.000Z");
});

brokerTest("a schedule's clock leaves no listener behind each time that it wakes", async (url) => {
  await using broker = await BrokerClient.connect(url);
  const queue = await scheduled(broker, JSON.stringify({ last: new Date(TODAY).toISOString() }));
  const { addEventListener } = AbortSignal.prototype;
  let added = 0;
  AbortSignal.prototype.addEventListener = function (this: AbortSignal, ...args: unknown[]) {
    if (args[0] === "abort") added++;
    return Reflect.apply(addEventListener, this, args);
  } as typeof addEventListener;
  try {
    await using _ = new Ticking(url, queue, startAt(TODAY));
    await nextRun(broker, queue);
    const before = added;
    for (let run = 0; run < 3; run++) await nextRun(broker, queue);
    assert(added - before === 0, `${added - before} listeners were added`);
  } finally {
    AbortSignal.prototype.addEventListener = addEventListener;
  }
});
