import { assert, assertEquals } from "@std/assert";
import { type AlarmOptions, Alarms } from "../../../lib/broker/server/alarms.ts";
import type { Memory } from "../../../lib/broker/server/memory.ts";

const OPTIONS = { folder: Deno.cwd(), diskFreeLimit: 0, memoryLimit: 2 ** 50 };

/** Alarms, and what they said. */
function watched(options: Partial<AlarmOptions>): { alarms: Alarms; said: (string | undefined)[] } {
  const alarms = new Alarms({ ...OPTIONS, ...options });
  const said: (string | undefined)[] = [];
  alarms.onChange = (alarm) => said.push(alarm);
  return { alarms, said };
}

/** Memory as the test says, with a limit of 100. */
class FakeMemory implements Memory {
  inUse = 0;
  heap = 0;
  /** What a collection would free. */
  garbage = 0;
  collections = 0;
  time = 0;

  read() {
    return { inUse: this.inUse, heap: this.heap, heapLimit: 1_000 };
  }

  collect(): void {
    this.collections++;
    this.inUse -= this.garbage;
    this.garbage = 0;
  }

  now(): number {
    return this.time;
  }

  /** Looks once a second. */
  pass(alarms: Alarms, seconds: number): void {
    for (let i = 0; i < seconds; i++) {
      this.time += 1_000;
      alarms.check();
    }
  }
}

Deno.test("with room on the disk and in memory there is no alarm", () => {
  const { alarms, said } = watched({});
  alarms.check();
  assertEquals([alarms.current, said], [undefined, []]);
  assert(alarms.memoryUse > 0 && alarms.memoryUse < 1);
});

Deno.test("each shortage is an alarm, said once", () => {
  for (
    const [options, alarm] of [[{ diskFreeLimit: 2 ** 60 }, "low on disk"], [
      { memoryLimit: 1 },
      "low on memory",
    ]] as const
  ) {
    const { alarms, said } = watched(options);
    alarms.check();
    alarms.check();
    assertEquals([alarms.current, said], [alarm, [alarm]]);
  }
});

Deno.test("a disk that does not take the data is an alarm until it does", () => {
  const { alarms, said } = watched({});
  alarms.storeProblem("it is full");
  alarms.check();
  alarms.storeProblem(undefined);
  assertEquals(said, ["low on disk", undefined]);
});

Deno.test("one alarm goes over into the other", () => {
  const { alarms, said } = watched({ memoryLimit: 1 });
  alarms.storeProblem("it is full");
  alarms.storeProblem(undefined);
  assertEquals(said, ["low on disk", "low on memory"]);
});

Deno.test("a heap near its own limit is an alarm, however much memory is allowed", () => {
  const memory = new FakeMemory();
  const { alarms, said } = watched({ memory });
  memory.heap = 699;
  alarms.check();
  assertEquals(said, []);
  memory.heap = 701;
  alarms.check();
  assertEquals(said, ["low on memory"]);
});

Deno.test("what was released while publishers wait is collected, and they go on", () => {
  const memory = new FakeMemory();
  const { alarms, said } = watched({ memory, memoryLimit: 125 });
  Object.assign(memory, { inUse: 105, garbage: 80 });
  memory.pass(alarms, 10);
  assertEquals([memory.collections, said], [0, ["low on memory"]]);
  alarms.released(10_000);
  memory.pass(alarms, 1);
  assertEquals([memory.collections, said], [1, ["low on memory", undefined]]);
});

Deno.test("where nothing counts what is released, garbage is collected too, after a while", () => {
  const memory = new FakeMemory();
  const { alarms, said } = watched({ memory, memoryLimit: 125 });
  Object.assign(memory, { inUse: 105, garbage: 80 });
  memory.pass(alarms, 31);
  assertEquals([memory.collections, said], [1, ["low on memory", undefined]]);
});

Deno.test("collections that do not help are made more rarely", () => {
  const memory = new FakeMemory();
  const { alarms } = watched({ memory, memoryLimit: 125 });
  memory.inUse = 105;
  for (let second = 0; second < 300; second++) {
    alarms.released(10_000);
    memory.pass(alarms, 1);
  }
  assert(memory.collections > 5 && memory.collections < 15, `${memory.collections} collections`);
});

Deno.test("further above the limit deliveries must wait for acks too, until that is over", () => {
  const memory = new FakeMemory();
  const { alarms } = watched({ memory, memoryLimit: 125 });
  let reliefs = 0;
  alarms.onRelief = () => reliefs++;
  const hard = [105, 111, 112, 105].map((inUse) => {
    memory.inUse = inUse;
    alarms.check();
    return alarms.hard;
  });
  assertEquals([hard, reliefs], [[false, true, true, false], 1]);
});
