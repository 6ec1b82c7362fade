import { assertEquals, assertStringIncludes } from "@std/assert";
import type { Depth } from "../../lib/invocation/insight/depth.ts";
import { fakeApi, problemOf } from "./fake_runner.ts";

const DEPTH: Depth = {
  function: "hello",
  queue: "hello",
  ready: 7,
  unacknowledged: 3,
  retrying: 1,
  dead: 2,
  oldest: 1_500,
  consumers: 1,
  at: 100,
  source: "broker",
};

function measuredApi(depth: Partial<Depth> = {}) {
  const api = fakeApi();
  api.operator.measured.set("hello", { ...DEPTH, ...depth });
  return api;
}

Deno.test("GET /functions/:name has the depth, and the list of all functions is made without one", async () => {
  const { ask } = measuredApi();
  assertEquals((await (await ask("/functions/hello")).json()).depth, DEPTH);
  const { functions } = await (await ask("/functions")).json();
  assertEquals(functions.map(({ depth }: { depth?: Depth }) => depth), [undefined, undefined]);
});

Deno.test("/scale/:function has numbers for an autoscaler", async () => {
  const { ask } = measuredApi();
  const response = await ask("/scale/hello");
  assertEquals([response.status, await response.json()], [200, { waiting: 7, inFlight: 3, total: 10, oldest: 1_500 }]);
  assertEquals((await ask("/scale/helo")).status, 404);
});

Deno.test("/scale/:function is 503, and not 0, where the broker does not tell: 0 would take all containers away", async () => {
  const { ask } = measuredApi({ ready: undefined });
  const response = await ask("/scale/hello");
  assertEquals([response.status, response.headers.get("retry-after")], [503, "5"]);
  // The runner has no depth of this one at all.
  assertEquals((await ask("/scale/orders.created")).status, 503);
});

Deno.test("/scale/:function says null for an age that nobody knows", async () => {
  const { ask } = measuredApi({ oldest: undefined });
  assertEquals((await (await ask("/scale/hello")).json()).oldest, null);
});

Deno.test("GET /queues has the depths and the orphans", async () => {
  const { ask, operator } = measuredApi();
  operator.orphaned = [{ queue: "warren.orphans", messages: 4, advice: "put them back" }];
  assertEquals(await (await ask("/queues")).json(), { functions: [DEPTH], orphans: operator.orphaned });
});

Deno.test("a queue is purged only if its name is typed", async () => {
  const { ask, operator, runner } = measuredApi();
  runner.views[0].queue = "hello-queue";
  for (const query of ["", "?confirm=", "?confirm=hello"]) {
    const response = await ask(`/functions/hello/queue${query}`, { method: "DELETE" });
    assertEquals(response.status, 400);
    assertStringIncludes(String((await problemOf(response)).detail), "?confirm=hello-queue");
  }
  assertEquals(operator.purged, []);
  const response = await ask("/functions/hello/queue?confirm=hello-queue", { method: "DELETE" });
  assertEquals([response.status, await response.json()], [200, { function: "hello", queue: "hello-queue", purged: 7 }]);
  assertEquals(operator.purged, ["hello"]);
});

Deno.test("the queue of a function that has none cannot be purged, nor that of an unknown one", async () => {
  const { ask, runner } = measuredApi();
  runner.views[0].queue = undefined;
  assertEquals((await ask("/functions/hello/queue?confirm=hello", { method: "DELETE" })).status, 409);
  assertEquals((await ask("/functions/helo/queue?confirm=helo", { method: "DELETE" })).status, 404);
});

Deno.test("a waiting message is cancelled by its id, once", async () => {
  const { ask, operator } = measuredApi();
  operator.waiting.add("order/1");
  const response = await ask("/waiting/order%2F1", { method: "DELETE" });
  assertEquals([response.status, await response.json()], [200, { messageId: "order/1", cancelled: true }]);
  assertEquals((await ask("/waiting/order%2F1", { method: "DELETE" })).status, 404);
});
