import assert from "node:assert/strict";
import { run } from "warren/testing";
import * as forecast from "./forecast.ts";

/** A service that gives these answers, one after the other. */
function service(...answers: Response[]): Disposable {
  const server = Deno.serve({ port: 0, onListen: () => {} }, () => answers.shift()!);
  Deno.env.set("FORECAST_URL", `http://127.0.0.1:${server.addr.port}`);
  return { [Symbol.dispose]: () => void server.shutdown() };
}

Deno.test("a forecast goes to the output", async () => {
  using _ = service(Response.json({ degrees: 21 }));
  const { outcome, published } = await run(forecast, { city: "Graz" });
  assert.equal(outcome, "completed");
  assert.deepEqual([published[0].routingKey, published[0].body], ["forecasts", { city: "Graz", degrees: 21 }]);
});

Deno.test("an error is tried again a second later, and after the last time it is a dead letter", async () => {
  using _ = service(new Response("", { status: 503 }), new Response("", { status: 503 }));
  assert.deepEqual((await run(forecast, { city: "Graz" })).next, { kind: "retry", delay: 1_000, attempt: 2 });
  const last = await run(forecast, { city: "Graz" }, { attempt: 4 });
  assert.deepEqual(last.next, { kind: "deadLetter", reason: "failed" });
});

Deno.test("the service says when to ask again", async () => {
  using _ = service(new Response("", { status: 429, headers: { "retry-after": "7" } }));
  assert.deepEqual((await run(forecast, { city: "Graz" })).next, { kind: "retry", delay: 7_000, attempt: 2 });
});

Deno.test("a city that there is not is not asked for again", async () => {
  using _ = service(new Response("", { status: 404 }));
  assert.deepEqual((await run(forecast, { city: "Nowhere" })).next, { kind: "deadLetter", reason: "rejected" });
});
