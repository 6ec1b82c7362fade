import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Share, Turns } from "../../../lib/base/time/turns.ts";

/** Time that passes only by work, and turns that begin only when the test says so. */
class FakeLoop {
  time = 0;
  turns = 0;
  readonly shared = new Turns({ now: () => this.time, later: (callback) => void this.#later.push(callback) });
  #later: (() => void)[] = [];

  /** One turn; whether anything waited for it. */
  async turn(): Promise<boolean> {
    await settled();
    const callbacks = this.#later.splice(0);
    this.turns++;
    for (const callback of callbacks) callback();
    await settled();
    return callbacks.length > 0;
  }
}

/** All that can go on without a new turn has. */
async function settled(): Promise<void> {
  for (let i = 0; i < 50; i++) await Promise.resolve();
}

/** A client that always has data, as a read that resolves in the turn; each step takes so many milliseconds. */
function flood(loop: FakeLoop, step: number, share = new Share()): { share: Share; steps: number; stop: () => void } {
  const client = { share, steps: 0, stop: () => stopped = true };
  let stopped = false;
  void (async () => {
    while (!stopped) {
      await Promise.resolve();
      await loop.shared.run(share, () => {
        do {
          loop.time += step;
          client.steps++;
        } while (!stopped && loop.shared.goOn(32));
      });
    }
  })();
  return client;
}

Deno.test("a client that always has data ready holds no turn for longer than its budget", async () => {
  const loop = new FakeLoop();
  const client = flood(loop, 0.5);
  await settled();
  for (let last = loop.time; loop.turns < 20; last = loop.time) {
    assert(await loop.turn());
    assert(loop.time - last <= 22, `a turn took ${loop.time - last} ms`);
  }
  client.stop();
  assert(client.steps >= 20 * 20, `${client.steps} steps`);
});

Deno.test("however many clients flood, their turns are no longer, and each gets its share", async () => {
  const loop = new FakeLoop();
  const clients = Array.from({ length: 50 }, () => flood(loop, 0.5));
  await settled();
  for (let last = loop.time; loop.turns < 200; last = loop.time) {
    await loop.turn();
    assert(loop.time - last <= 22, `a turn took ${loop.time - last} ms`);
  }
  for (const client of clients) client.stop();
  const steps = clients.map((client) => client.steps);
  assert(Math.min(...steps) > 0 && Math.max(...steps) <= 3 * Math.min(...steps), `shares of ${steps}`);
});

Deno.test("a quiet client goes before those that flood", async () => {
  const loop = new FakeLoop();
  const clients = Array.from({ length: 50 }, () => flood(loop, 0.5));
  for (let i = 0; i < 60; i++) await loop.turn();
  let ran = false;
  void loop.shared.run(new Share(), () => ran = true);
  assertEquals(ran, false);
  await loop.turn();
  assertEquals(ran, true);
  for (const client of clients) client.stop();
});

Deno.test("work that takes no time is done at once, without a turn between", async () => {
  const loop = new FakeLoop();
  let jobs = 0;
  for (let i = 0; i < 100; i++) assertEquals(loop.shared.run(new Share(), () => void jobs++), undefined);
  assertEquals(jobs, 100);
  assertEquals(await loop.turn(), false);
});

Deno.test("what a job throws comes to whoever asked for it, at once or later, and harms no other", async () => {
  const loop = new FakeLoop();
  const fail = () => {
    throw new Error("wrong");
  };
  assertThrows(() => loop.shared.run(new Share(), fail), Error, "wrong");
  void loop.shared.run(new Share(), () => void (loop.time += 20));
  const late = loop.shared.run(new Share(), fail)!;
  let ran = false;
  const next = loop.shared.run(new Share(), () => ran = true);
  const rejected = assertRejects(() => late, Error, "wrong");
  await loop.turn();
  await rejected;
  await next;
  assertEquals(ran, true);
});

Deno.test("a step that is much too long is overdue, and a new job is not", async () => {
  const loop = new FakeLoop();
  void loop.shared.run(new Share(), () => {
    loop.time += 21;
    assertEquals([loop.shared.goOn(32), loop.shared.overdue], [false, false]);
    loop.time += 20;
    loop.shared.goOn(32);
    assertEquals(loop.shared.overdue, true);
  });
  assertEquals(loop.shared.overdue, false);
  const next = loop.shared.run(new Share(), () => assertEquals(loop.shared.overdue, false));
  await loop.turn();
  await next;
});

Deno.test("before a turn that follows a full one somebody may look at memory", async () => {
  const loop = new FakeLoop();
  let looks = 0;
  loop.shared.onTurn = () => looks++;
  const client = flood(loop, 1);
  for (let i = 0; i < 5; i++) await loop.turn();
  client.stop();
  assertEquals(looks, 5);
});

Deno.test("after the stop nothing runs, and nobody waits", async () => {
  const loop = new FakeLoop();
  void loop.shared.run(new Share(), () => void (loop.time += 20));
  let ran = false;
  const waiting = loop.shared.run(new Share(), () => ran = true);
  loop.shared.stop();
  await waiting;
  await loop.turn();
  void loop.shared.run(new Share(), () => ran = true);
  assertEquals(ran, false);
});
