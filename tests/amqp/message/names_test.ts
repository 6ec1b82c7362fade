import { assert, assertEquals } from "@std/assert";
import { consumerTag, membersQueue, scheduledId, scheduleQueue } from "../../../lib/amqp/message/names.ts";
import { resolveFunctionConfig } from "../../../lib/invocation/definition/function_config.ts";

Deno.test("names have 255 bytes at most, whatever the characters are, and none is cut in two", () => {
  const long = "é€😀".repeat(40);
  const definition = resolveFunctionConfig({ queue: "q" }, { name: long, file: "/f.ts", version: "1" });
  for (const name of [consumerTag(definition), membersQueue(long), scheduleQueue(long)]) {
    const { length } = new TextEncoder().encode(name);
    assert(length <= 255 && length > 250, `${length} bytes`);
    assert(name.isWellFormed());
  }
  assertEquals([membersQueue("q"), scheduleQueue("q")], ["warren.members.q", "warren.schedule.q"]);
});

Deno.test("each run of a schedule has a message id of its own, however long the function's name is", () => {
  assertEquals(scheduledId("clean", "2026-01-01T00:00:00.000Z"), "schedule/clean/2026-01-01T00:00:00.000Z");
  for (const name of ["x".repeat(300), "é€😀".repeat(40)]) {
    const ids = ["2026-01-01T00:00:00.000Z", "2026-01-01T00:01:00.000Z"].map((time) => scheduledId(name, time));
    assert(ids[0] !== ids[1]);
    assert(ids.every((id) => new TextEncoder().encode(id).length <= 255));
  }
});
