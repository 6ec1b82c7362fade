import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { fakeConsole } from "./fake_console.ts";

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

Deno.test("without the token a page is the one that asks for it, and says nothing about the runner", async () => {
  const { ask, operator } = fakeConsole({ token: "secret" });
  for (
    const path of [
      "/",
      "/console/functions/orders.created",
      "/console/runs",
      "/console/dead/orders.created",
      "/console/queues",
      "/console/none",
    ]
  ) {
    const response = await ask(path);
    const page = await response.text();
    assertEquals(response.status, 401, path);
    assertStringIncludes(page, "API token");
    for (const known of ["orders", "warren-a", "0.1.0"]) assert(!page.includes(known), `${path} says ${known}`);
    assert(response.headers.has("content-security-policy"));
  }
  assertEquals(operator.looks, 0);
});

Deno.test("with the token the pages are there, streams and forms too", async () => {
  const { ask, post, operator } = fakeConsole({ token: "secret" });
  assertStringIncludes(await (await ask("/", { headers: bearer("secret") })).text(), "Needs attention");
  assertEquals((await ask("/", { headers: bearer("wrong") })).status, 401);
  assertEquals((await ask("/console/live/overview", { headers: { accept: "text/event-stream" } })).status, 401);
  assertEquals((await post("/console/functions/orders.created/pause")).status, 401);
  assertEquals(operator.paused, []);
  assertEquals((await post("/console/functions/orders.created/pause", {}, bearer("secret"))).status, 303);
});

Deno.test("the read token shows everything and changes nothing", async () => {
  const { ask, post, operator } = fakeConsole({ token: "secret", readToken: "look" });
  assertEquals((await ask("/", { headers: bearer("look") })).status, 200);
  for (
    const path of [
      "functions/orders.created/pause",
      "functions/orders.created/invoke",
      "dead/orders.created/redrive",
      "dead/orders.created/purge",
      "queues/purge/orders.created",
      "runs/cancel",
    ]
  ) {
    const response = await post(`/console/${path}`, {}, bearer("look"));
    assertEquals(response.status, 403, path);
    assertStringIncludes(await response.text(), "API_READ_TOKEN");
  }
  assertEquals([operator.paused, operator.purged, operator.canceled], [[], [], []]);
});

Deno.test("the files of the pages need no token", async () => {
  const { ask } = fakeConsole({ token: "secret" });
  const page = await (await ask("/")).text();
  for (const [, path] of page.matchAll(/(?:src|href)="(\/console\/assets\/[^"]+)"/g)) {
    const response = await ask(path);
    await response.body?.cancel();
    assertEquals(response.status, 200, path);
  }
  assertEquals((await ask("/console/assets/../functions/orders.created")).status, 401);
});
