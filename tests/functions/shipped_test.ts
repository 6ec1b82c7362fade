import { assertEquals, assertStringIncludes } from "@std/assert";
import { run } from "warren/testing";
import * as hello from "../../functions/hello.ts";
import * as created from "../../functions/orders/created.ts";
import * as resize from "../../functions/resize.ts";

Deno.test("hello logs what it received", async () => {
  const { outcome, logs } = await run(hello, "World");
  assertEquals(outcome, "completed");
  assertEquals(logs.map(({ message }) => message), [" [x] Received 'World'", " [x] Done"]);
});

Deno.test("an order that is created sends a confirmation by way of hello", async () => {
  const { published } = await run(created, { id: "7", email: "ann@example.com" });
  assertEquals(published.map(({ routingKey }) => routingKey), ["hello"]);
  assertStringIncludes(String(published[0].body), "ann@example.com");
});

Deno.test("a picture without a width is a dead letter at once", async () => {
  const { outcome, next } = await run(resize, { path: "cat.png", width: 0 });
  assertEquals([outcome, next], ["rejected", { kind: "deadLetter", reason: "rejected" }]);
});
