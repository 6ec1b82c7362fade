import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { startWarren } from "warren/testing";
import { folder } from "../loader/folder.ts";

const PIPELINE = {
  "double.ts": `export const config = { output: "results", retry: ["10ms"] };
    export default ({ body }) => {
      if (typeof body !== "number") throw new TypeError("no number");
      return 2 * body;
    };`,
  "flaky.ts": `export const config = { retry: ["10ms", "10ms"] };
    export default ({ attempt }, context) => {
      if (attempt < 3) throw new Error("not yet");
      return context.publish(attempt, { routingKey: "double" });
    };`,
};

Deno.test("startWarren() runs a pipeline on a broker of its own", async () => {
  await using functions = await folder(PIPELINE);
  await using warren = await startWarren({ functions: functions.path, queues: ["results"], logLevel: "silent" });
  assertEquals(await warren.call("double", 4), 8);
  const id = await warren.publish("double", 21, { headers: { h: 1 } });
  assertEquals((await warren.nextMessage("results")).body, 8);
  const { body, properties } = await warren.nextMessage("results");
  assertEquals([body, properties.messageId], [42, `${id}/0`]);
  await warren.publish("flaky", null);
  await warren.publish("double", "x", { messageId: "bad" });
  await warren.idle();
  assertEquals((await warren.nextMessage("results")).body, 6);
  const [letter, ...others] = await warren.dead("double");
  assertEquals([letter.id, letter.reason, letter.attempts, others.length], ["bad", "failed", 2, 0]);
  const error = await assertRejects(() => warren.call("double", "y"), Error);
  assertStringIncludes(error.message, "double failed: TypeError: no number");
});

Deno.test("startWarren() rejects with the error of a function that does not load", async () => {
  await using functions = await folder({ "broken.ts": "export default 5;" });
  const error = await assertRejects(() => startWarren({ functions: functions.path, logLevel: "silent" }));
  assertStringIncludes((error as Error).message, 'function "broken" is broken');
});
