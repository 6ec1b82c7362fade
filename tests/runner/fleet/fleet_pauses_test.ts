import { assertEquals, assertRejects } from "@std/assert";
import { WarrenError } from "../../../lib/base/errors.ts";
import { Logger } from "../../../lib/base/log.ts";
import type { Pause } from "../../../lib/invocation/insight/pause.ts";
import { FleetPauses, type FleetPausesOptions } from "../../../lib/runner/fleet/fleet_pauses.ts";
import type { Entry } from "../../../lib/runner/function_registry.ts";
import { announced, FakeExchange, type FakeMember } from "../../amqp/fleet/fake_fleet.ts";
import { FakeServed, loaded } from "../../fake_served.ts";
import { settled } from "../../serving/fake_timers.ts";

type Client = Parameters<FleetPauses["gate"]>[0];
const CLIENT = {} as Client;
const NOON = Date.parse("2026-03-01T12:00:00Z");

/** What the broker keeps: pauses end by its clock. */
class FakeStore {
  readonly pauses = new Map<string, Pause>();
  failure: Error | undefined;
  looks = 0;

  constructor(readonly now: () => number) {}

  write(queue: string, pause: Pause): Promise<Pause> {
    if (this.failure) return Promise.reject(this.failure);
    this.pauses.set(queue, pause);
    return Promise.resolve(pause);
  }

  remove(queue: string): Promise<void> {
    if (this.failure) return Promise.reject(this.failure);
    this.pauses.delete(queue);
    return Promise.resolve();
  }

  look(_: Client, queue: string): Promise<boolean> {
    this.looks++;
    if (this.failure) return Promise.reject(this.failure);
    const pause = this.pauses.get(queue);
    if (pause?.until !== undefined && pause.until <= this.now()) this.pauses.delete(queue);
    return Promise.resolve(this.pauses.has(queue));
  }

  read(_: Client, queue: string): Promise<Pause | undefined> {
    return Promise.resolve(this.pauses.get(queue));
  }
}

/** A runner with the function `order`, whose queue is `orders`. */
class Runner {
  readonly served: FakeServed;
  readonly pauses: FleetPauses;
  readonly member: FakeMember;
  connected = true;
  changes = 0;

  constructor(readonly world: World, name: string, options: Partial<FleetPausesOptions>) {
    const one = loaded("order", "1", { queue: "orders" });
    if ("error" in one) throw new Error(one.error);
    this.served = new FakeServed(one);
    this.served.start();
    const entries = new Map<string, Entry>([["order", { loaded: one, served: this.served, error: undefined }]]);
    this.member = world.exchange.join(name);
    this.member.functions = [announced("order", { queue: "orders" })];
    this.pauses = new FleetPauses({
      store: world.store,
      fleet: this.member.fleet,
      runner: name,
      functions: { get: (name) => entries.get(name), entries: () => entries.entries() },
      client: () => this.connected ? CLIENT : undefined,
      onChange: () => this.changes++,
      log: new Logger({ level: "silent" }),
      timers: world.exchange.timers,
      wallClock: world.now,
      patience: 50,
      ...options,
    });
    this.pauses.start();
  }

  get stands(): [string, string | undefined] {
    return [this.served.state, this.served.detail];
  }
}

class World {
  readonly exchange = new FakeExchange();
  readonly now = () => NOON + this.exchange.timers.now();
  readonly store = new FakeStore(this.now);

  async runner(name: string, options: Partial<FleetPausesOptions> = {}): Promise<Runner> {
    const runner = new Runner(this, name, options);
    await this.exchange.timers.pass(300);
    return runner;
  }

  async two(): Promise<[Runner, Runner]> {
    const two: [Runner, Runner] = [await this.runner("one"), await this.runner("two")];
    await this.exchange.timers.pass(3_000);
    return two;
  }
}

Deno.test("a pause is for all runners, says who paused it, and ends for all", async () => {
  const world = new World();
  const [one, two] = await world.two();
  const result = await one.pauses.pause("order", { by: "ann" });
  const detail = "paused for all runners by ann since 2026-03-01T12:00:03Z";
  assertEquals([one.stands, two.stands], [["paused", detail], ["paused", detail]]);
  assertEquals(result, {
    standings: [
      { runner: "one", function: "order", state: "paused", detail },
      { runner: "two", function: "order", state: "paused", detail },
    ],
    silent: [],
  });
  assertEquals([one.changes > 0, two.changes > 0], [true, true]);
  await two.pauses.resume("order");
  assertEquals([one.stands, two.stands], [["serving", undefined], ["serving", undefined]]);
});

Deno.test("a runner that starts while a queue is paused may not consume it, and learns why", async () => {
  const world = new World();
  await world.store.write("orders", { by: "ann", at: NOON });
  const one = await world.runner("one");
  await assertRejects(() => one.pauses.gate(CLIENT, "orders"), WarrenError, "paused for all runners");
  await settled();
  assertEquals(one.stands, ["paused", "paused for all runners by ann since 2026-03-01T12:00:00Z"]);
  await one.pauses.gate(CLIENT, "others");
});

Deno.test("while the broker does not say whether a queue is paused, nothing is consumed", async () => {
  const world = new World();
  world.store.failure = new WarrenError("unavailable", "no answer");
  const one = await world.runner("one");
  await assertRejects(() => one.pauses.gate(CLIENT, "orders"), WarrenError, "no answer");
  assertEquals(one.stands[0], "serving");
});

Deno.test("a pause with an end is over then in all runners, also if the broker's clock is behind", async () => {
  const world = new World();
  const [one, two] = await world.two();
  await one.pauses.pause("order", { for: 3_600_000 });
  assertEquals(one.stands[1], "paused for all runners since 2026-03-01T12:00:03Z, until 2026-03-01T13:00:03Z");
  await world.exchange.timers.pass(3_599_000);
  assertEquals([one.stands[0], two.stands[0]], ["paused", "paused"]);
  await world.exchange.timers.pass(2_000);
  assertEquals([one.stands[0], two.stands[0]], ["serving", "serving"]);

  await one.pauses.pause("order", { for: 10_000 });
  const held = world.store.pauses.get("orders")!;
  world.store.pauses.set("orders", { ...held, until: held.until! + 5_000 });
  await world.exchange.timers.pass(12_000);
  assertEquals(one.stands[0], "paused");
  await world.exchange.timers.pass(5_000);
  assertEquals([one.stands[0], two.stands[0]], ["serving", "serving"]);
});

Deno.test("a pause here is of this runner alone, and ends with its time", async () => {
  const world = new World();
  const [one, two] = await world.two();
  await one.pauses.pause("order", { here: true, for: 60_000, by: "ann" });
  const detail = "paused in this runner by ann since 2026-03-01T12:00:03Z, until 2026-03-01T12:01:03Z";
  assertEquals([one.stands, two.stands[0], world.store.pauses.size], [["paused", detail], "serving", 0]);
  await world.exchange.timers.pass(61_000);
  assertEquals(one.stands[0], "serving");
});

Deno.test("a resume here ends the pause of this runner, and not that of all", async () => {
  const world = new World();
  const [one, two] = await world.two();
  await one.pauses.pause("order", {});
  await one.pauses.pause("order", { here: true });
  const result = await one.pauses.resume("order", { here: true });
  assertEquals(result?.standings[0].detail, "paused for all runners since 2026-03-01T12:00:03Z");
  await one.pauses.pause("order", { here: true });
  await two.pauses.resume("order");
  assertEquals([one.stands[0], two.stands[0]], ["serving", "serving"]);
});

Deno.test("a pause for all that ends by itself leaves the pause of one runner", async () => {
  const world = new World();
  const [one, two] = await world.two();
  await one.pauses.pause("order", { here: true });
  await one.pauses.pause("order", { for: 10_000 });
  await world.exchange.timers.pass(20_000);
  assertEquals([one.stands, two.stands[0]], [
    ["paused", "paused in this runner since 2026-03-01T12:00:03Z"],
    "serving",
  ]);
});

Deno.test("a runner that nobody could tell finds out within half a minute, of the end as well", async () => {
  const world = new World();
  const [one, two] = await world.two();
  two.member.link.up = false;
  const { silent = [] } = await one.pauses.pause("order", {}) ?? {};
  assertEquals([silent, two.stands[0]], [["two"], "serving"]);
  await world.exchange.timers.pass(31_000);
  assertEquals(two.stands, ["paused", one.stands[1]]);
  await one.pauses.resume("order");
  await world.exchange.timers.pass(31_000);
  assertEquals(two.stands[0], "serving");
});

Deno.test("nobody pauses or resumes a runner by saying so alone: the broker decides", async () => {
  const world = new World();
  const [one, two] = await world.two();
  const forged = [{ queue: "orders" }, { queue: "orders", resumed: false }, { queue: 7 }, null, "orders", []];
  for (const payload of forged) await two.member.asked("pause-changed", payload);
  assertEquals(one.stands[0], "serving");
  await one.pauses.pause("order", {});
  for (const payload of [...forged, { queue: "orders", resumed: true }]) {
    await two.member.asked("pause-changed", payload);
  }
  assertEquals(one.stands[0], "paused");
});

Deno.test("what the broker cannot keep is not done at all, and neither is what no runner knows", async () => {
  const world = new World();
  const [one, two] = await world.two();
  world.store.failure = new WarrenError("unavailable", "no connection");
  await assertRejects(() => one.pauses.pause("order", {}), WarrenError, "no connection");
  assertEquals([one.stands[0], two.stands[0]], ["serving", "serving"]);
  assertEquals(await one.pauses.pause("unknown", {}), undefined);
  assertEquals(await one.pauses.pause("unknown", { here: true }), undefined);
});

Deno.test("a function that only other runners have can be paused from here", async () => {
  const world = new World();
  const [one, two] = await world.two();
  two.member.functions = [announced("other", { queue: "orders" })];
  await world.exchange.timers.pass(3_000);
  await one.pauses.pause("other", {});
  assertEquals(two.stands[0], "paused");
});

Deno.test("a stopped runner looks no more, and has no timer left", async () => {
  const world = new World();
  const one = await world.runner("one");
  await one.pauses.pause("order", { for: 60_000 });
  one.pauses.stop();
  one.member.fleet.stop();
  assertEquals(world.exchange.timers.waiting, 0);
});
