import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { runOf } from "../../telemetry/runs/stored.ts";
import { problemOf } from "../fake_runner.ts";
import { runsApi } from "./runs_api.ts";

/** A query without what was not asked for. */
function given(query: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(query).filter(([, value]) => value !== undefined));
}

Deno.test("GET /runs asks for what its parameters say", async () => {
  const { ask, runs } = runsApi();
  const response = await ask(
    "/runs?function=pay&id=m%2F1&outcome=failed&failed=true&trace=t&text=no&since=1000&until=1970-01-01T00:00:02Z&limit=7",
  );
  assertEquals([response.status, await response.json()], [200, { items: [], silent: [], since: 1 }]);
  assertEquals(given(runs.queries[0]), {
    function: "pay",
    messageId: "m/1",
    outcome: "failed",
    failed: true,
    traceId: "t",
    text: "no",
    since: 1_000,
    until: 2_000,
    limit: 7,
  });
  await ask("/runs?since=1h&failed=false&text=");
  const { since, ...rest } = runs.queries[1];
  assert(Math.abs(Date.now() - 3_600_000 - since!) < 60_000);
  assertEquals(given(rest), { failed: false });
});

Deno.test("a parameter that means nothing is 400, and named", async () => {
  const { ask } = runsApi();
  for (
    const [query, why] of [
      ["limit=0", 'limit "0" is not a number from 1 to 500'],
      ["limit=501", 'limit "501"'],
      ["outcome=gone", 'outcome "gone" is not one of completed, failed'],
      ["since=yesterday", 'since "yesterday" is not a time'],
      ["fnction=x", 'there is no parameter "fnction"'],
    ]
  ) {
    const response = await ask(`/runs?${query}`);
    assertEquals(response.status, 400);
    assertStringIncludes(String((await problemOf(response)).detail), why);
  }
});

Deno.test("GET /runs/:id shows a run, and 404 where there is none", async () => {
  const { ask, runs } = runsApi();
  const run = runs.known = runOf();
  const response = await ask(`/runs/${run.id}`);
  assertEquals([response.status, await response.json()], [200, JSON.parse(JSON.stringify(run))]);
  const none = await ask("/runs/none");
  assertEquals([none.status, (await problemOf(none)).detail], [
    404,
    'there is no run "none", or its record is not kept any more',
  ]);
});

Deno.test("a message's story, a function's errors and its history are found by their ids", async () => {
  const { ask, runs } = runsApi();
  const paths = ["/messages/m%2F0/runs", "/functions/hello/errors", "/functions/hello/history"];
  for (const path of paths) assertEquals((await ask(path)).status, 200);
  assertEquals(runs.asked, [["story", "m/0"], ["errors", "hello"]]);
  assertEquals((await ask("/functions/other/history")).status, 404);
});

Deno.test("records need the token", async () => {
  const { ask } = runsApi({ token: "secret" });
  for (const path of ["/runs", "/runs/a", "/logs"]) assertEquals((await ask(path)).status, 401);
});
