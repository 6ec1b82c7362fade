import { assert, assertEquals } from "@std/assert";
import { Alarms } from "../../lib/broker/alarms.ts";

const OPTIONS = { folder: Deno.cwd(), diskFreeLimit: 0, memoryLimit: 2 ** 50 };

/** Alarms, and what they said. */
function watched(options: Partial<typeof OPTIONS>): { alarms: Alarms; said: (string | undefined)[] } {
  const alarms = new Alarms({ ...OPTIONS, ...options });
  const said: (string | undefined)[] = [];
  alarms.onChange = (alarm) => said.push(alarm);
  return { alarms, said };
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
