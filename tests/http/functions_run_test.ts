import { assertEquals } from "@std/assert";
import { fakeApi } from "./fake_runner.ts";

Deno.test("POST /functions/:name/run runs a function that has a schedule", async () => {
  const { post, operator } = fakeApi();
  operator.scheduled.add("hello");
  const response = await post("/functions/hello/run", null);
  assertEquals([response.status, await response.json()], [202, { function: "hello", messageId: "run-now/hello" }]);
  assertEquals((await post("/functions/orders.created/run", null)).status, 409);
  assertEquals((await post("/functions/nobody/run", null)).status, 404);
  assertEquals(operator.ran, ["hello"]);
});
