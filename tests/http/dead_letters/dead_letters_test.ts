import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { brokerTest, embeddedTest } from "../../support/brokers.ts";
import { eventually } from "../../support/eventually.ts";
import { Graveyard } from "../../support/graveyard.ts";
import { fakeApi, problemOf } from "../fake_runner.ts";

/** The API over the dead letters of one function, `hello`. */
function apiOf(graveyard: Graveyard, options: { patience?: number; token?: string } = {}) {
  const api = fakeApi({ maxBody: 1_000, ...options });
  api.runner.box = graveyard.letters;
  const json = async (path: string, method = "GET", body?: unknown) => {
    const response = await api.ask(path, { method, body: body === undefined ? undefined : JSON.stringify(body) });
    return { status: response.status, headers: response.headers, body: await response.json() };
  };
  return { ...api, json };
}

brokerTest("GET /functions/:name/dead lists what matches, a hundred at most", async (url) => {
  await using graveyard = await Graveyard.open(url);
  const { json } = apiOf(graveyard);
  await graveyard.bury(Array.from({ length: 120 }, (_, n) => String(n)));
  await graveyard.bury(["x"], { reason: "crashed", function: "hello" }, { messageId: "m/1", headers: { tenant: "a" } });

  const all = await json("/functions/hello/dead");
  assertEquals([all.status, all.body.queue, all.body.depth, all.body.deadLetters.length], [
    200,
    graveyard.letters.queue,
    121,
    100,
  ]);
  const query = "reason=crashed&function=hello&error=LUCK&header=tenant=a&limit=5";
  const { deadLetters } = (await json(`/functions/hello/dead?${query}`)).body;
  assertEquals(deadLetters.map(({ id, size, attempts }: Record<string, unknown>) => [id, size, attempts]), [
    ["m/1", 1, 3],
  ]);
  assertEquals((await json("/functions/hello/dead?olderThan=1h")).body.deadLetters, []);
});

brokerTest("GET /functions/:name/dead/:id shows one, PUT changes it, DELETE takes it away", async (url) => {
  await using graveyard = await Graveyard.open(url);
  const { json, ask } = apiOf(graveyard);
  await graveyard.bury(['{"n":1}'], {}, { messageId: "m/1", contentType: "application/json" });
  await graveyard.buryNumbered(2);
  const path = "/functions/hello/dead/m%2F1";

  assertEquals((await json(path)).body.body, { n: 1 });
  const wrong = await ask(path, { method: "PUT", body: '{"body":"{"}' });
  assertEquals(wrong.status, 415);
  const { status } = await json(path, "PUT", { body: { n: 2 }, headers: { tenant: "b" } });
  assertEquals(status, 200);
  const [message] = await graveyard.drain(graveyard.queue);
  assertEquals([message.bodyString(), message.properties.headers?.tenant as unknown], ['{"n":2}', "b"]);
  assertEquals((await ask(path)).status, 404);

  assertEquals((await json("/functions/hello/dead/id-0", "DELETE")).body.done, 1);
  assertEquals((await json("/functions/hello/dead/id-0", "DELETE")).status, 404);
  await eventually(async () => (await graveyard.counts()).join() === "0,1");
});

brokerTest("POST /functions/:name/dead/redrive brings back what matches", async (url) => {
  await using graveyard = await Graveyard.open(url);
  const { json } = apiOf(graveyard);
  await graveyard.buryNumbered(5);
  await graveyard.buryNumbered(3, { reason: "crashed" }, 5);
  const redrive = async (body?: unknown) => (await json("/functions/hello/dead/redrive", "POST", body)).body;

  const { matched, done } = await redrive({ dryRun: true });
  assertEquals([matched, done], [8, 0]);
  assertEquals((await redrive({ reason: "crashed", limit: 2 })).done, 2);
  await eventually(async () => (await graveyard.counts()).join() === "2,6");
  assertEquals((await redrive()).done, 6);
  assertEquals(await graveyard.counts(), [8, 0]);
});

brokerTest("a redrive that takes longer is a job that can be followed and stopped", async (url) => {
  await using graveyard = await Graveyard.open(url);
  const { json, ask } = apiOf(graveyard, { patience: 0 });
  await graveyard.buryNumbered(100);

  const started = await json("/functions/hello/dead/redrive", "POST", { rate: 20 });
  const path = started.headers.get("location")!;
  assertEquals([started.status, started.body.state, path], [202, "running", `/jobs/${started.body.id}`]);
  await eventually(async () => (await json(path)).body.done > 0);
  const stopped = await json(path, "DELETE");

  assertEquals([stopped.status, stopped.body.state], [200, "stopped"]);
  const { done } = stopped.body;
  await eventually(async () => (await graveyard.counts()).join() === `${done},${100 - done}`);
  assertEquals((await json(path)).body.state, "stopped");
  assertEquals((await ask("/jobs/none")).status, 404);
});

brokerTest("DELETE /functions/:name/dead takes away what matches, or all", async (url) => {
  await using graveyard = await Graveyard.open(url);
  const { json } = apiOf(graveyard);
  await graveyard.buryNumbered(5);
  await graveyard.buryNumbered(3, { reason: "crashed" }, 5);

  assertEquals((await json("/functions/hello/dead?dryRun=true", "DELETE")).body.matched, 8);
  assertEquals((await json("/functions/hello/dead?reason=crashed", "DELETE")).body.done, 3);
  await eventually(async () => (await graveyard.counts())[1] === 5);
  assertEquals((await json("/functions/hello/dead", "DELETE")).body.done, 5);
  assertEquals(await graveyard.counts(), [0, 0]);
});

brokerTest("a work queue that is not there is 503, and all stay", async (url) => {
  await using graveyard = await Graveyard.open(url, { work: false });
  const { post } = apiOf(graveyard);
  await graveyard.buryNumbered(3);
  const response = await post("/functions/hello/dead/redrive", "{}");
  assertEquals(response.status, 503);
  assertStringIncludes(String((await problemOf(response)).detail), graveyard.queue);
  await eventually(async () => (await graveyard.broker.count(graveyard.letters.queue)).messages === 3);
});

brokerTest("a job that fails says why", async (url) => {
  await using graveyard = await Graveyard.open(url, { work: false });
  const { json } = apiOf(graveyard, { patience: 0 });
  await graveyard.buryNumbered(3);
  const { body: { id } } = await json("/functions/hello/dead/redrive", "POST", {});
  const job = await eventually(async () => {
    const { body } = await json(`/jobs/${id}`);
    return body.state === "failed" && body;
  });
  assertStringIncludes(job.error, "there is no queue");
  assertEquals((await json(`/jobs/${id}`, "DELETE")).body.state, "failed");
});

embeddedTest("what is asked for wrongly is 400 and touches nothing", async (url) => {
  await using graveyard = await Graveyard.open(url);
  const { ask } = apiOf(graveyard);
  await graveyard.buryNumbered(1);
  const dead = "/functions/hello/dead";
  const wrong: [string, string, unknown, string][] = [
    ["DELETE", `${dead}?raeson=failed`, undefined, "did you mean reason?"],
    ["DELETE", `${dead}?reason=`, undefined, "reason is empty"],
    ["GET", `${dead}?limit=0`, undefined, "limit"],
    ["POST", `${dead}/redrive`, { reasons: "failed" }, "did you mean reason?"],
    ["POST", `${dead}/redrive`, { headers: ["a"] }, "headers: expected an object"],
    ["POST", `${dead}/redrive`, { dryRun: "yes" }, "dryRun"],
    ["POST", `${dead}/redrive`, [], "the body: expected an object"],
    ["PUT", `${dead}/id-0`, {}, "nothing to change"],
    ["PUT", `${dead}/id-0`, { body: "a", bodyBase64: "YQ==" }, "keep one"],
    ["PUT", `${dead}/id-0`, { bodyBase64: "%" }, "base64"],
    ["PUT", `${dead}/id-0`, { headers: { "warren-attempts": 1 } }, "Warren's own"],
  ];
  for (const [method, path, body, text] of wrong) {
    const response = await ask(path, { method, body: body === undefined ? undefined : JSON.stringify(body) });
    assertEquals(response.status, 400, `${method} ${path}`);
    assertStringIncludes(String((await problemOf(response)).detail), text);
  }
  await eventually(async () => (await graveyard.counts()).join() === "0,1");
});

Deno.test("dead letters and jobs need the token, and other sites are refused, whatever the method", async () => {
  const guarded = fakeApi({ token: "s3cret" });
  for (const path of ["/functions/hello/dead", "/functions/hello/dead/1", "/jobs/1"]) {
    assertEquals((await guarded.ask(path)).status, 401);
  }
  const { ask } = fakeApi();
  const headers = { "sec-fetch-site": "cross-site" };
  for (const method of ["GET", "HEAD", "DELETE"]) {
    for (const path of ["/functions/hello/dead", "/functions/hello/dead/1"]) {
      assertEquals((await ask(path, { method, headers })).status, 403, `${method} ${path}`);
    }
  }
  assertEquals((await ask("/functions/hello/dead/redrive", { method: "POST", headers })).status, 403);
  assertEquals((await ask("/jobs/1", { method: "DELETE", headers })).status, 403);
});

Deno.test("dead letters of a function that is not there, or has no queue, say so", async () => {
  const { ask } = fakeApi();
  assertEquals((await ask("/functions/none/dead")).status, 404);
  assertEquals((await ask("/functions/hello/dead")).status, 503);
  const refused = await ask("/functions/hello/dead", { method: "POST" });
  assertEquals([refused.status, refused.headers.get("allow")], [405, "GET, HEAD, DELETE"]);
  assert((await ask("/jobs/1", { method: "PUT" })).status === 405);
});
