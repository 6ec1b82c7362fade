import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { FunctionState } from "../../lib/http/runner_view.ts";
import { paths } from "../../lib/console/paths.ts";
import { fakeConsole } from "./fake_console.ts";
import { fakeLetter, FakeLetters } from "./fake_letters.ts";
import { HOSTILE, LIVE_MARKUP } from "./fake_world.ts";

/** Every page, for a function that has something to show on it. */
const PAGES = [
  "/",
  "/?filter=orders&sort=dead&hide=mails.send",
  "/console/functions/orders.created",
  "/console/functions/payments.refund",
  "/console/functions/mails.digest",
  "/console/runs",
  "/console/runs?text=4711&outcome=failed-any&since=1h",
  "/console/runs/story2",
  "/console/messages?id=order-4711",
  "/console/messages?id=unknown",
  "/console/dead",
  "/console/dead/orders.created",
  "/console/dead/orders.created/letter?id=order-4711",
  "/console/queues",
  "/console/queues?purge=orders.created",
];

Deno.test("every page is HTML with a strict content security policy, and nothing in it needs more", async () => {
  const { ask } = fakeConsole();
  for (const path of [...PAGES, "/console/none"]) {
    const response = await ask(path);
    const text = await response.text();
    assertEquals(response.status, path === "/console/none" ? 404 : 200, path);
    assertEquals(response.headers.get("content-type"), "text/html; charset=utf-8");
    assertEquals(response.headers.get("cache-control"), "no-store");
    const policy = response.headers.get("content-security-policy")!;
    for (const rule of ["default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'"]) {
      assertStringIncludes(policy, rule);
    }
    assert(!policy.includes("unsafe"), policy);
    assertEquals(
      text.match(/\son[a-z]+=|\sstyle=|<style|<script(?![^>]* src="\/console\/assets\/)|javascript:/gi),
      null,
      path,
    );
  }
});

Deno.test("names, headers, errors and log lines that are markup stay text on every page", async () => {
  const { ask, runner } = fakeConsole({ hostile: true });
  const letter = fakeLetter(HOSTILE, {
    reason: HOSTILE,
    error: HOSTILE,
    errorType: HOSTILE,
    stack: HOSTILE,
    host: HOSTILE,
    headers: { [HOSTILE]: HOSTILE },
    body: new TextEncoder().encode(HOSTILE),
  });
  runner.boxes.set(HOSTILE, new FakeLetters(HOSTILE, [letter]));
  const query = encodeURIComponent(HOSTILE);
  const hostile = [
    paths.function(HOSTILE),
    paths.run(HOSTILE),
    paths.message(HOSTILE),
    paths.dead(HOSTILE),
    paths.letter(HOSTILE, HOSTILE),
    `/?filter=${query}&hide=${query}&sort=${query}`,
    `/console/runs?text=${query}&function=${query}`,
    `/console/dead/orders.created?text=${query}&kind=${query}`,
    `/console/queues?purge=${query}&purged=${query}&messages=${query}`,
    `${paths.function(HOSTILE)}?sent=${query}&done=${query}`,
    `/console/${query}`,
    paths.function(`${HOSTILE}2`),
  ];
  for (const path of [...PAGES, ...hostile]) {
    const response = await ask(path);
    const text = await response.text();
    assertEquals(text.match(LIVE_MARKUP), null, path);
    assert(response.status < 500, `${path} ${response.status}`);
    assertEquals(text.match(/<script(?![^>]* src="\/console\/assets\/)|href="javascript:/gi), null, path);
    assertEquals(text.split("</body>").length, 2, path);
  }
});

Deno.test("the worst is first on the overview, and a healthy day has no list of troubles", async () => {
  const bad = await fakeConsole().text("/");
  assertStringIncludes(bad, "Needs attention");
  assert(bad.indexOf(">payments.refund is broken<") < bad.indexOf("messages wait for orders.created<"));
  const order = [...bad.matchAll(/<tr id="f-([^"]+)">/g)].map(([, name]) => name);
  assertEquals(order.slice(0, 3), ["payments.refund", "orders.created", "mails.digest"]);

  const good = await fakeConsole({ healthy: true }).text("/");
  assert(!good.includes("Needs attention"));
  assertStringIncludes(good, "Nothing needs attention.");
});

Deno.test("the overview filters, sorts, and hides a noisy function from the recent runs", async () => {
  const { text } = fakeConsole();
  const names = (page: string) => [...page.matchAll(/<tr id="f-([^"]+)">/g)].map(([, name]) => name);
  assertEquals(names(await text("/?filter=ORDERS")), ["orders.created", "orders.paid"]);
  assertEquals(names(await text("/?filter=broken")), ["payments.refund"]);
  assertEquals(names(await text("/?filter=mails&sort=name")), ["mails.digest", "mails.send"]);
  assertEquals(names(await text("/?sort=dead"))[0], "orders.created");
  assertStringIncludes(await text("/?filter=nothing-like-it"), "No function fits the filter.");

  const recent = (page: string) => page.slice(page.indexOf('id="recent"'), page.indexOf('id="runners"'));
  assertStringIncludes(recent(await text("/")), 'href="/console/functions/mails.digest"');
  const hidden = recent(await text("/?hide=mails.digest"));
  assert(!hidden.includes('href="/console/functions/mails.digest"'));
  assertStringIncludes(hidden, "Hidden: mails.digest.");
});

Deno.test("of a thousand functions the overview shows the first two hundred, and says so", async () => {
  const { text } = fakeConsole({ functions: 1_000 });
  const page = await text("/");
  assertEquals(page.match(/<tr id="f-/g)?.length, 200);
  assertStringIncludes(page, "The first 200 of 1\u202f003; filter to see others.");
  assertStringIncludes(await text("/?filter=tenant999"), 'id="f-tenant999.events"');
});

Deno.test("who did not answer is named wherever its part is missing", async () => {
  const { operator, text } = fakeConsole();
  operator.silent = ["warren-b"];
  for (const path of ["/", "/console/functions/orders.created", "/console/runs", "/console/runs/story2"]) {
    assertStringIncludes(await text(path), "Runner warren-b did not answer in time");
  }
});

Deno.test("while the broker does not answer, pages show the rest and say what is not known", async () => {
  const { operator, ask } = fakeConsole();
  operator.failure = new Error("the broker <is> gone");
  for (const path of ["/", "/console/queues"]) {
    const response = await ask(path);
    const page = await response.text();
    assertEquals(response.status, 200);
    assertStringIncludes(page, "Not known now: depths: the broker &lt;is&gt; gone.");
  }
  assertStringIncludes(await (await ask("/")).text(), 'id="f-orders.created"');
});

Deno.test("a time that no calendar has is not known", async () => {
  const { operator, text } = fakeConsole();
  operator.world.runs = operator.world.runs.map((run) => ({ ...run, queuedAt: 1e300 }));
  assertStringIncludes(await text("/console/runs/story2"), "<dt>Queued</dt>");
  assertStringIncludes(await text("/console/runs"), "orders.created");
});

Deno.test("the page of a message has all of its attempts, their log lines, and what they gave rise to", async () => {
  const { text } = fakeConsole();
  const page = await text("/console/messages?id=order-4711");
  for (const part of ["attempt 1", "attempt 2", "attempt 3", "the total has a comma", "told the customer", "mail-9"]) {
    assertStringIncludes(page, part);
  }
  assertEquals(page.match(/class="time-bar"/g)?.length, 4);
  assertStringIncludes(page, "Its last run");
  assertStringIncludes(page, '<dd class="id">story2</dd>');
  assertStringIncludes(await text("/console/messages?id=unknown"), "No run of this message is recorded.");
});

Deno.test("plots say in words what they show", async () => {
  const { text } = fakeConsole();
  const page = await text("/console/functions/orders.created");
  assert(/\d invocations ended in the last hour; .*failed\./.test(page));
  assert(/Half take less than .* and 95 % less than /.test(page));
  assertStringIncludes(page, "messages wait, more than an hour ago");
  assertStringIncludes(page, "The last hour in numbers");
});

Deno.test("the page of a paused function says how much of it still runs, on all runners that are there", async () => {
  const { world, text } = fakeConsole();
  const view = world.views.find(({ name }) => name === "orders.created")!;
  const stands = (...standings: [state: FunctionState, running: number][]) => {
    view.state = standings[0][0];
    world.runners = world.runners.map((runner, at) => {
      const [state, running] = standings[at];
      const functions = runner.functions.map((one) => one.name === "orders.created" ? { ...one, state, running } : one);
      return { ...runner, functions };
    });
  };
  const page = () => text("/console/functions/orders.created");
  // The third runner is gone.
  stands(["paused", 2], ["paused", 1], ["paused", 5]);
  assertStringIncludes(await page(), "Paused: 3 still running.");
  stands(["paused", 0], ["disabled", 0], ["serving", 5]);
  assertStringIncludes(await page(), "Paused, nothing runs.");
  stands(["paused", 1], ["serving", 4], ["paused", 0]);
  const partly = await page();
  assert(!partly.includes("still running"));
  assertStringIncludes(partly, "1 running");
  assert(!partly.includes("4 running"));
  stands(["disabled", 0], ["paused", 0], ["paused", 0]);
  assert(!(await page()).includes("nothing runs"));
});

Deno.test("a function that only other runners know has a page without its configuration", async () => {
  const { runner, text } = fakeConsole();
  runner.views = runner.views.filter(({ name }) => name !== "orders.created");
  const page = await text("/console/functions/orders.created");
  assertStringIncludes(page, "Not on this runner.");
  assert(!page.includes("Configuration"));
});

Deno.test("dead letters are filtered, grouped by error, and the page says what it looked at", async () => {
  const { text } = fakeConsole();
  const page = await text("/console/dead/orders.created");
  assertStringIncludes(
    page,
    "All 150 dead letters in orders.created.dead were looked at; 150 fit, and the oldest 100 are shown.",
  );
  assertStringIncludes(page, "TypeError: total is not a number: … of order …");
  assertStringIncludes(page, "TimeoutError: no answer from … within … ms");

  assertStringIncludes(await text("/console/dead/orders.created?reason=timedOut"), "; 21 fit.");
  assertStringIncludes(await text("/console/dead/orders.created?header=tenant%3Dglobex"), "; 21 fit.");
  assertStringIncludes(await text("/console/dead/orders.created?text=order-4712"), "; 1 fits.");
  const kind = encodeURIComponent("TimeoutError: no answer from … within … ms");
  assertStringIncludes(await text(`/console/dead/orders.created?kind=${kind}`), "; 21 fit.");
});

Deno.test("a filter that cannot be read is said, and nothing is looked at", async () => {
  const { ask } = fakeConsole();
  const response = await ask("/console/dead/orders.created?olderThan=soon");
  assertEquals(response.status, 400);
  assertStringIncludes(await response.text(), "&quot;soon&quot; is not a duration");
});

Deno.test("a body is shown as it can be edited without loss, or else not edited", async () => {
  const { runner, text } = fakeConsole();
  const body = (value: string | Uint8Array<ArrayBuffer>, type = "application/json") => {
    const bytes = typeof value === "string" ? new TextEncoder().encode(value) : value;
    runner.boxes.set(
      "orders.created",
      new FakeLetters("q", [fakeLetter("a", { body: bytes, properties: { contentType: type } })]),
    );
    return text("/console/dead/orders.created/letter?id=a");
  };
  assertStringIncludes(await body('{"n":1}'), "{\n  &quot;n&quot;: 1\n}");
  assertStringIncludes(await body('{"n":12345678901234567890}'), "{&quot;n&quot;:12345678901234567890}");
  assertStringIncludes(await body(new Uint8Array([0, 255, 3])), "It is not text: this is its base64.");
  assertStringIncludes(await body("a\r\nb", "text/plain"), "It has carriage returns");
  assertStringIncludes(await body("x".repeat(300_000), "text/plain"), "Only the beginning is shown");
});

Deno.test("what other programs ask at the same paths gets problem documents", async () => {
  const { ask } = fakeConsole();
  const response = await ask("/console/runs/none", { headers: { accept: "application/json" } });
  assertEquals([response.status, response.headers.get("content-type")], [404, "application/problem+json"]);
});

Deno.test("the files of the pages are kept for good, and their names change with what they hold", async () => {
  const { ask, text } = fakeConsole();
  const page = await text("/");
  const files = [...page.matchAll(/(?:src|href)="(\/console\/assets\/[^"]+)"/g)].map(([, path]) => path);
  assertEquals(files.length, 7);
  for (const path of files) {
    const response = await ask(path);
    assertEquals(response.status, 200, path);
    assertStringIncludes(response.headers.get("cache-control")!, "immutable");
    assert(/\.[0-9a-f]{12}\./.test(path), path);
    await response.body?.cancel();
  }
});

Deno.test("a method that a page does not have is refused with those that it has", async () => {
  const { ask } = fakeConsole();
  const response = await ask("/console/queues", { method: "DELETE" });
  assertEquals([response.status, response.headers.get("allow")], [405, "GET, HEAD"]);
});
