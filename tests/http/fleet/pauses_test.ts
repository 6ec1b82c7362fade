import { assertEquals } from "@std/assert";
import { fakeApi, problemOf } from "../fake_runner.ts";

const json = (value: unknown) => ({ body: JSON.stringify(value) });

Deno.test("POST /functions/:name/pause is for all runners, and says how each stands", async () => {
  const { post, operator } = fakeApi();
  const standing = { runner: "web-1.7", function: "hello", state: "paused", detail: "paused for all runners" };
  operator.result = { standings: [standing], silent: ["web-2.7"] };
  const response = await post("/functions/hello/pause", null);
  const { name, queue, runners, silent } = await response.json();
  assertEquals([response.status, name, queue], [200, "hello", "hello"]);
  assertEquals([runners, silent], [[standing], ["web-2.7"]]);
  assertEquals(operator.pausing, [{ name: "hello", request: { here: false, for: undefined, by: undefined } }]);
});

Deno.test("what is asked for is in the query or in a JSON object", async () => {
  const { post, operator } = fakeApi();
  await post("/functions/hello/pause?here=true&for=1h&by=ann", null);
  await post("/functions/hello/pause", json({ here: true, for: 3_600_000, by: "ann" }).body);
  await post("/functions/hello/pause?here", null);
  const asked = { name: "hello", request: { here: true, for: 3_600_000, by: "ann" } };
  assertEquals(operator.pausing, [asked, asked, {
    name: "hello",
    request: { here: true, for: undefined, by: undefined },
  }]);
  await post("/functions/hello/resume?here=true", null);
  await post("/functions/hello/resume", null);
  assertEquals(operator.resuming.map(({ request }) => request), [{ here: true }, { here: false }]);
});

Deno.test("what is wrong in a pause is a 400 that names it, and pauses nothing", async () => {
  const { post, operator } = fakeApi();
  const wrong: [string, string | null, RegExp][] = [
    ["?for=soon", null, /^for: "soon" is not a duration/],
    ["?for=10ms", null, /^for is "10ms", expected from 1s to 45d$/],
    ["?for=46d", null, /^for is "46d"/],
    ["?here=maybe", null, /^here is "maybe", expected true or false$/],
    ["?her=true", null, /^"her" is not one of here, for, by$/],
    ["", "[]", /^the body is not a JSON object/],
    ["", "{", /^the body is not a JSON object/],
    ["", '{"for":null}', /^for: null is not a duration/],
    ["", JSON.stringify({ by: "x".repeat(101) }), /^by is the name of who asks/],
  ];
  for (const [query, body, detail] of wrong) {
    const response = await post(`/functions/hello/pause${query}`, body);
    const problem = await problemOf(response);
    assertEquals([response.status, detail.test(String(problem.detail))], [400, true], String(problem.detail));
  }
  assertEquals((await post("/functions/hello/resume?for=1h", null)).status, 400);
  assertEquals((await post("/functions/hello/pause", "x".repeat(5_000))).status, 413);
  assertEquals([operator.pausing, operator.resuming], [[], []]);
});

Deno.test("a function that no runner has is a 404, and one that is not bound a 409", async () => {
  const { post, operator } = fakeApi();
  operator.result = undefined;
  assertEquals((await post("/functions/elsewhere/pause", null)).status, 404);
  assertEquals((await post("/functions/hello/pause", null)).status, 409);
  assertEquals((await post("/functions/hello/resume", null)).status, 409);
  operator.result = { standings: [], silent: [] };
  const response = await post("/functions/elsewhere/pause", null);
  assertEquals([response.status, await response.json()], [200, { name: "elsewhere", runners: [], silent: [] }]);
});
