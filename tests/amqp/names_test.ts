import { assert, assertEquals } from "@std/assert";
import { consumerTag, membersQueue, scheduleQueue } from "../../lib/amqp/names.ts";
import { resolveFunctionConfig } from "../../lib/invocation/function_config.ts";

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
