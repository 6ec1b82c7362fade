import { assertEquals } from "@std/assert";
import { defineFunction, type StandardSchema } from "warren";
import { run, runBatch } from "warren/testing";

/** A schema whose parsed value is an object with a number. */
const input: StandardSchema<{ n: number }> = {
  "~standard": {
    version: 1,
    vendor: "test",
    validate: (value) =>
      typeof value === "number" ? { value: { n: value } } : { issues: [{ message: "expected a number" }] },
  },
};

Deno.test("defineFunction() types the body by the schema, and the result by the handler", async () => {
  const double = defineFunction({ input, config: { timeout: "5s" }, handler: ({ body }) => body.n * 2 });
  const { outcome, result } = await run(double, 21);
  const typed: number | undefined = result;
  assertEquals([outcome, typed], ["completed", 42]);
  assertEquals((await run(double, "x")).outcome, "invalid");
});

Deno.test("defineFunction() with a batch gives the handler a list of messages", async () => {
  const sum = defineFunction({
    input,
    config: { batch: { size: 10 } },
    handler: (messages) => messages.forEach((message) => message.body.n === 2 && message.reject("two")),
  });
  assertEquals((await runBatch(sum, [1, 2])).map(({ outcome }) => outcome), ["completed", "rejected"]);
});

Deno.test("defineFunction() of a handler is that handler", () => {
  const handler = () => 1;
  assertEquals(defineFunction(handler) === handler, true);
});

// What follows is proved by the compiler: each line that it must refuse is marked as one.
defineFunction({
  // @ts-expect-error -- "10sec" is no duration
  config: { timeout: "10sec" },
  handler: () => {},
});
// @ts-expect-error -- the schema's value has no property of that name
defineFunction({ input, handler: ({ body }) => body.nothing });
