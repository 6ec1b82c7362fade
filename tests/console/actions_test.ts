import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { InvalidBody } from "../../lib/invocation/content/invalid_body.ts";
import { eventually } from "../support/eventually.ts";
import { fakeConsole } from "./fake_console.ts";

const DEAD = "/console/dead/orders.created";
const FUNCTION = "/console/functions/orders.created";

/** Where an answer leads. */
function led(response: Response): [status: number, location: string | null] {
  return [response.status, response.headers.get("location")];
}

Deno.test("pause, resume and run now lead back to the page that says what became of them", async () => {
  const { operator, post, text } = fakeConsole();
  assertEquals(led(await post(`${FUNCTION}/pause`, { for: "1h" })), [303, `${FUNCTION}?done=paused`]);
  assertEquals(led(await post(`${FUNCTION}/pause`)), [303, `${FUNCTION}?done=paused`]);
  const asked = [{ for: 3_600_000, by: "the console" }, { for: undefined, by: "the console" }];
  assertEquals(operator.paused.map(({ request }) => request), asked);
  assertStringIncludes(await text(`${FUNCTION}?done=paused`), "It takes no more messages.");

  assertEquals(led(await post(`${FUNCTION}/resume`)), [303, `${FUNCTION}?done=resumed`]);
  assertEquals(operator.resumed, ["orders.created"]);

  const digest = "/console/functions/mails.digest";
  assertEquals(led(await post(`${digest}/run-now`)), [303, `${digest}?sent=now-mails.digest`]);
  assertEquals((await post(`${FUNCTION}/run-now`)).status, 400);
  assertEquals((await post("/console/functions/none/pause")).status, 404);
  assertEquals((await post(`${FUNCTION}/pause`, { for: "soon" })).status, 400);
});

Deno.test("a message is published with what was typed, and wrong JSON is shown again with the reason", async () => {
  const { runner, post } = fakeConsole();
  const response = await post(`${FUNCTION}/invoke`, { contentType: "application/json", body: '{\r\n"n": 1}' });
  const [{ name, request }] = runner.published;
  assertEquals(led(response), [303, `${FUNCTION}?sent=${request.messageId}`]);
  assertEquals([name, new TextDecoder().decode(request.body), request.contentType], [
    "orders.created",
    '{\n"n": 1}',
    "application/json",
  ]);

  const wrong = await post(`${FUNCTION}/invoke`, { contentType: "application/json", body: "{typed" });
  const page = await wrong.text();
  assertEquals(wrong.status, 422);
  assertStringIncludes(page, "the body is not JSON");
  assertStringIncludes(page, ">{typed</textarea>");
  assertEquals(runner.published.length, 1);
});

Deno.test("a function with plain input fields is invoked by a form with these fields", async () => {
  const { runner, post, text } = fakeConsole();
  const page = await text("/console/functions/orders.paid");
  for (const field of ["field:id", "field:size", "field:format", "field:keep"]) {
    assertStringIncludes(page, `name="${field}"`);
  }
  await post("/console/functions/orders.paid/invoke", {
    "field:id": "a",
    "field:size": "40",
    "field:format": "",
    "field:keep": "true",
  });
  assertEquals(JSON.parse(new TextDecoder().decode(runner.published[0].request.body)), {
    id: "a",
    size: 40,
    keep: true,
  });
});

Deno.test("a body can be written as text although there are fields, and is shown again as text", async () => {
  const { runner, post, text } = fakeConsole();
  const page = "/console/functions/orders.paid";
  assertStringIncludes(await text(page), `href="${page}?body=text#invoke-title"`);
  assertStringIncludes(await text(`${page}?body=text`), 'name="body"');

  await post(`${page}/invoke`, { contentType: "text/plain", body: "as I want" });
  assertEquals(new TextDecoder().decode(runner.published[0].request.body), "as I want");
  const wrong = await (await post(`${page}/invoke`, { contentType: "application/json", body: "{typed" })).text();
  assertStringIncludes(wrong, ">{typed</textarea>");
});

Deno.test("what the function's input refuses is shown again with the reason", async () => {
  const { runner, post } = fakeConsole();
  runner.failure = new InvalidBody({ type: "ValidationError", message: "id: too short" });
  const fields = { "field:id": "my typed id", "field:size": "4", "field:format": "webp", "field:keep": "" };
  const refused = await post("/console/functions/orders.paid/invoke", fields);
  const page = await refused.text();
  assertEquals(refused.status, 422);
  assertStringIncludes(page, "ValidationError: id: too short");
  for (const part of ['value="my typed id"', 'value="4"', '<option value="webp" selected=""']) {
    assertStringIncludes(page, part);
  }
  const text = await post(`${FUNCTION}/invoke`, { contentType: "application/json", body: "[1, 2]" });
  assertStringIncludes(await text.text(), ">[1, 2]</textarea>");
});

Deno.test("a form whose fields the function no longer has publishes nothing", async () => {
  const { runner, post } = fakeConsole();
  for (const name of ["orders.paid", "orders.created"]) {
    const response = await post(`/console/functions/${name}/invoke`, { "field:old": "x" });
    assertEquals(response.status, 409);
    assertStringIncludes(await response.text(), `the fields of ${name} have changed`);
  }
  assertEquals(runner.published.length, 0);
});

Deno.test("dead letters go back: those selected, an error group, all that fit, or none in a dry run", async () => {
  const { runner, post, text } = fakeConsole();
  const box = runner.boxes.get("orders.created")!;
  const redrive = async (form: string[][], sent: number) => {
    assertEquals(led(await post(`${DEAD}/redrive`, form)), [303, DEAD]);
    await eventually(() => box.sent.length === sent);
  };
  await redrive([["scope", "selected"], ["selected", "order-4711"], ["selected", "order-4713"]], 2);
  assertEquals(box.sent.map(({ id }) => id), ["order-4711", "order-4713"]);
  await redrive([["kind", "TimeoutError: no answer from … within … ms"]], 23);

  await post(`${DEAD}/redrive`, { scope: "all", dryRun: "true" });
  assertStringIncludes(await text(DEAD), "count orders.created.dead");
  assertEquals(box.letters.length, 127);
  // What is ticked does not matter to those who send all.
  await redrive([["scope", "all"], ["selected", "order-4715"], ["rate", "1000"]], 150);

  assertEquals((await post(`${DEAD}/redrive`, { scope: "selected" })).status, 400);
  assertEquals((await post(`${DEAD}/redrive`, { rate: "fast" })).status, 400);
});

Deno.test("work on dead letters shows its progress, and can be stopped", async () => {
  const { runner, post, text } = fakeConsole();
  const gate = Promise.withResolvers<void>();
  const box = runner.boxes.get("orders.created")!;
  box.gate = gate.promise;
  await post(`${DEAD}/redrive`, { scope: "all" });
  const page = await text(DEAD);
  assertStringIncludes(page, "redrive orders.created.dead");
  assertStringIncludes(page, '<progress max="150" value="1"');
  const [, job] = /name="job" value="([^"]+)"/.exec(page)!;

  assertEquals(led(await post(`${DEAD}/stop`, { job })), [303, DEAD]);
  gate.resolve();
  await eventually(async () => (await text(DEAD)).includes(">stopped<"));
  assertEquals(box.sent.length, 1);
});

Deno.test("nothing is deleted before its name was typed", async () => {
  const { runner, operator, post } = fakeConsole();
  const box = runner.boxes.get("orders.created")!;
  for (const confirm of ["", "orders.created", "Orders.created.dead"]) {
    const response = await post(`${DEAD}/purge`, { confirm });
    assertEquals(response.status, 422);
    assertStringIncludes(await response.text(), "nothing was deleted");
  }
  assertEquals(box.letters.length, 150);
  await post(`${DEAD}/purge?reason=timedOut`, { confirm: "orders.created.dead" });
  await eventually(() => box.letters.length === 129);
  assertEquals(box.sent.length, 0);

  assertEquals((await post("/console/queues/purge/orders.created", { confirm: "orders" })).status, 422);
  assertEquals(operator.purged, []);
  const purged = await post("/console/queues/purge/orders.created", { confirm: "orders.created" });
  assertEquals(led(purged), [303, "/console/queues?purged=orders.created&messages=1842"]);
  assertEquals(operator.purged, ["orders.created"]);

  assertEquals((await post(`${DEAD}/delete?id=order-4711`)).status, 422);
  await post(`${DEAD}/delete?id=order-4711`, { confirm: "yes" });
  assert(!box.letters.some(({ id }) => id === "order-4711"));
});

Deno.test("one dead letter is edited and sent again; what cannot be used is shown again with the reason", async () => {
  const { runner, post } = fakeConsole();
  const box = runner.boxes.get("orders.created")!;
  const edit = (body: string, headers = "") =>
    post(`${DEAD}/edit?id=order-4711`, { body, headers, contentType: "application/json" });
  const wrong = await edit("{broken");
  const page = await wrong.text();
  assertEquals(wrong.status, 422);
  assertStringIncludes(page, "not the JSON its content type says");
  assertStringIncludes(page, ">{broken</textarea>");
  assertEquals((await edit("{}", "no value")).status, 422);

  assertEquals(led(await edit('{\r\n"total":129}', "tenant=b\r\n-trace")), [303, "/console/messages?id=order-4711"]);
  const [{ change }] = box.edits;
  assertEquals(new TextDecoder().decode(change.body), '{\n"total":129}');
  assertEquals([change.contentType, change.headers], ["application/json", { tenant: "b", trace: null }]);
});

Deno.test("a retry that waits is canceled from the page of its message", async () => {
  const { operator, post, text } = fakeConsole();
  operator.world.runs = operator.world.runs.filter(({ id }) => id === "story0");
  assertStringIncludes(await text("/console/messages?id=order-4711"), "Cancel the retry");
  const response = await post("/console/runs/cancel", { id: "order-4711" });
  assertEquals(led(response), [303, "/console/messages?id=order-4711&done=canceled"]);
  assertEquals(led(await post("/console/runs/cancel", { id: "x" }))[1], "/console/messages?id=x&done=none");
  assertEquals(operator.canceled, ["order-4711", "x"]);
});

Deno.test("forms of other sites are refused, and a link of theirs does not look at dead letters", async () => {
  const { operator, ask, post } = fakeConsole();
  const foreign: Record<string, string>[] = [{ origin: "https://example.com" }, { "sec-fetch-site": "cross-site" }, {
    origin: "null",
  }];
  for (const headers of foreign) {
    assertEquals((await post(`${FUNCTION}/pause`, {}, headers)).status, 403);
  }
  assertEquals(operator.paused, []);
  assertEquals((await ask(DEAD, { headers: { "sec-fetch-site": "cross-site" } })).status, 403);
  assertEquals((await ask("/", { headers: { "sec-fetch-site": "cross-site" } })).status, 200);
  assertEquals((await post(`${FUNCTION}/pause`, {}, { origin: "http://localhost:8000" })).status, 303);
});

Deno.test("a form that is none, or too large, changes nothing", async () => {
  const { ask, operator } = fakeConsole({ maxBody: 100 });
  const send = (body: string, type: string) =>
    ask(`${FUNCTION}/pause`, { method: "POST", body, headers: { "content-type": type } });
  assertEquals((await send("{}", "application/json")).status, 415);
  assertEquals((await send(`for=${"1".repeat(200)}`, "application/x-www-form-urlencoded")).status, 413);
  assertEquals(operator.paused, []);
});
