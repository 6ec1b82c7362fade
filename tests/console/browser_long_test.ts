import axe from "axe-core";
import { assert, assertEquals } from "@std/assert";
import type { Page } from "playwright-core";
import { browserTest } from "../support/browser.ts";
import { eventually } from "../support/eventually.ts";
import { fakeConsole, type FakeConsoleOptions } from "./fake_console.ts";
import { HOSTILE } from "./fake_world.ts";
import { paths } from "../../lib/console/paths.ts";

const FUNCTION = "/console/functions/orders.created";
const DEAD = "/console/dead/orders.created";
const PAGES = [
  "/",
  FUNCTION,
  "/console/functions/images.resize",
  "/console/functions/orders.paid",
  "/console/functions/payments.refund",
  "/console/runs",
  "/console/runs/story2",
  "/console/dead",
  DEAD,
  `${DEAD}/letter?id=order-4711`,
  "/console/queues?purge=orders.created",
  "/console/none",
];

/** The console on a port of its own. */
function serveConsole(options: FakeConsoleOptions = {}) {
  const closing = new AbortController();
  const site = fakeConsole({ live: { interval: 50, closing: closing.signal }, ...options });
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, site.app.fetch);
  return {
    ...site,
    url: `http://127.0.0.1:${server.addr.port}`,
    [Symbol.asyncDispose]: () => {
      closing.abort();
      return server.shutdown();
    },
  };
}

/** What a reader with a screen reader, a keyboard or weak eyes would stumble over. */
async function violations(page: Page, rules?: string[]): Promise<string[]> {
  await page.evaluate(axe.source);
  return await page.evaluate(async (runOnly) => {
    const { axe } = globalThis as unknown as { axe: { run(options: unknown): Promise<{ violations: Violation[] }> } };
    interface Violation {
      id: string;
      nodes: { html: string; failureSummary?: string }[];
    }
    const found = (await axe.run(runOnly ? { runOnly } : {})).violations;
    return found.flatMap(({ id, nodes }) =>
      nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`)
    );
  }, rules);
}

/** Times are the reader's own once the page's script has run. */
const scripted = (page: Page) => page.waitForSelector("html.js");

browserTest(
  "axe finds no fault on any page, light and dark, and no page is wider than a small phone",
  async (browser) => {
    await using site = serveConsole();
    const { page } = await browser.open();
    for (const path of PAGES) {
      for (const colorScheme of ["light", "dark"] as const) {
        await page.emulateMedia({ colorScheme });
        if (colorScheme === "light") await page.goto(site.url + path);
        await scripted(page);
        // Nothing but the colours changes.
        const rules = colorScheme === "dark" ? ["color-contrast"] : undefined;
        assertEquals(await violations(page, rules), [], `${path}, ${colorScheme}`);
      }
      await page.setViewportSize({ width: 320, height: 640 });
      const over = await page.evaluate("document.documentElement.scrollWidth - innerWidth");
      assertEquals(over, 0, `${path} is ${over} pixels too wide`);
      await page.setViewportSize({ width: 1280, height: 900 });
    }
    // The page that is not there says so by its status.
    assertEquals(browser.mistakes.filter((text) => !text.includes("404")), []);
  },
);

browserTest("what changes is on the page within two seconds, and the reader keeps the place", async (browser) => {
  await using site = serveConsole();
  const { page } = await browser.open();
  await page.goto(site.url);
  await page.waitForSelector("#live-state[data-state=on]");
  await page.focus("#link-stock\\.sync");

  const started = performance.now();
  const { world } = site;
  world.depths = world.depths.map((depth) => depth.function === "stock.sync" ? { ...depth, ready: 77_777 } : depth);
  await page.waitForSelector("#f-stock\\.sync >> text=77\u202f777");
  assert(performance.now() - started < 2_000);
  assertEquals(await page.evaluate("document.activeElement.id"), "link-stock.sync");
  assertEquals(browser.mistakes, []);
});

browserTest("the overview filters as one types, and / leads to the filter", async (browser) => {
  await using site = serveConsole();
  const { page } = await browser.open();
  await page.goto(site.url);
  await scripted(page);
  await page.keyboard.press("/");
  await page.keyboard.type("orders");
  await eventually(async () => await page.locator("#rows tr").count() === 2);
  assertEquals(await page.inputValue("#filter"), "orders");
  assertEquals(new URL(page.url()).search, "?filter=orders");
  assertEquals(await page.evaluate("document.activeElement.id"), "filter");
  await page.waitForSelector("#live-state[data-state=on]");
  assertEquals(browser.mistakes, []);
});

browserTest("plots are drawn and say what is under the pointer; the live log has what comes", async (browser) => {
  await using site = serveConsole();
  const { page } = await browser.open();
  await page.goto(site.url + FUNCTION);
  await page.waitForSelector("#plot-throughput canvas");
  await page.hover("#plot-throughput .u-over");
  await page.waitForSelector("#words-throughput:text-matches(': completed .*, failed ')");
  await page.waitForSelector("#live-state[data-state=on]");
  await eventually(() => site.operator.followers === 1);
  const line = { time: Date.now(), level: "warn", message: HOSTILE };
  site.operator.emit({ kind: "log", function: "orders.created", runner: "warren-b", line });
  await page.waitForSelector("#log .level-warn");
  assert((await page.textContent("#log"))?.includes("<script>alert"));
  assertEquals(browser.mistakes, []);
});

browserTest("a hidden tab costs nothing: its stream ends, and begins again when it is seen", async (browser) => {
  await using site = serveConsole();
  const { page } = await browser.open();
  await page.goto(site.url + FUNCTION);
  await eventually(() => site.operator.followers === 1);
  const hide = (hidden: boolean) =>
    page.evaluate(`
      Object.defineProperty(document, "hidden", { value: ${hidden}, configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    `);
  await hide(true);
  await eventually(() => site.operator.followers === 0);
  await hide(false);
  await eventually(() => site.operator.followers === 1);
  await page.waitForSelector("#live-state[data-state=on]");
});

browserTest(
  "the token is asked for once and kept in its tab, over links, reloads, forms and the way back",
  async (browser) => {
    await using site = serveConsole({ token: "open sesame".replace(" ", "-") });
    const { page, context } = await browser.open();
    await page.goto(site.url + FUNCTION);
    await page.fill("#token", "wrong");
    await page.keyboard.press("Enter");
    await page.waitForSelector("text=This token is not accepted.");
    await page.fill("#token", "open-sesame");
    await page.keyboard.press("Enter");
    await page.waitForSelector("h1 >> text=orders.created");
    await page.waitForSelector("#live-state[data-state=on]");

    await page.click("nav >> text=Queues");
    await page.waitForSelector("h1 >> text=Queues");
    assertEquals(await page.evaluate("document.activeElement.id"), "main");
    await page.goBack();
    await page.waitForSelector("h1 >> text=orders.created");
    await page.reload();
    await page.waitForSelector("h1 >> text=orders.created");
    await page.click("button >> text='Pause'");
    await page.waitForSelector("text=It takes no more messages.");
    assertEquals(site.operator.paused.length, 1);
    assertEquals(await context.cookies(), []);

    const other = await browser.open();
    await other.page.goto(site.url);
    await other.page.waitForSelector("#sign-in:not([hidden])");
    // What was refused on the way is the only mistake.
    assertEquals(browser.mistakes.filter((text) => !text.includes("401")), []);
  },
);

browserTest("without a script all of it can be read, filtered and done", async (browser) => {
  await using site = serveConsole();
  const { page } = await browser.open({ javaScriptEnabled: false });
  await page.goto(site.url);
  await page.fill("#filter", "orders");
  await page.click("form[role=search] button");
  assertEquals(await page.locator("#rows tr").count(), 2);
  await page.click("#rows a >> text=orders.created");
  assert((await page.textContent("#words-throughput"))?.includes("failed"));
  await page.click("button >> text='Pause'");
  await page.waitForSelector("text=It takes no more messages.");
  await page.fill("#invoke-body", '{"n":1}');
  await page.click("text=Publish the message");
  await page.waitForSelector("text=was published");
  assertEquals([site.operator.paused.length, site.runner.published.length], [1, 1]);
});

browserTest("dead letters are read, one is edited and sent again, then all, with progress", async (browser) => {
  await using site = serveConsole();
  const box = site.runner.boxes.get("orders.created")!;
  const { page } = await browser.open();
  await page.goto(site.url + DEAD);
  await page.click("text=order-4711");
  await page.fill("#edit-body", '{"order":4711,"total":129}');
  await page.click("text=Send again with these changes");
  await page.waitForSelector("h1 >> text=Message");
  assertEquals(new TextDecoder().decode(box.edits[0].change.body), '{"order":4711,"total":129}');

  await page.goto(site.url + DEAD);
  await page.check("#select-all");
  assertEquals(await page.locator("input[name=selected]:checked").count(), 100);
  const gate = Promise.withResolvers<void>();
  box.gate = gate.promise;
  await page.click("text=/Send all .* that fit again/");
  await page.waitForSelector("progress");
  box.gate = undefined;
  gate.resolve();
  await page.waitForSelector("#jobs .outcome:text-is('done')");
  assertEquals([box.letters.length, box.sent.length], [0, 150]);
  await page.reload();
  await page.waitForSelector("text=orders.created.dead is empty.");
  assertEquals(browser.mistakes, []);
});

browserTest("names and texts that are markup do nothing in a browser, in what comes later neither", async (browser) => {
  await using site = serveConsole({ hostile: true });
  const { page } = await browser.open();
  page.on("dialog", (dialog) => {
    browser.mistakes.push(`a dialog: ${dialog.message()}`);
    dialog.dismiss();
  });
  await page.goto(site.url);
  await page.waitForSelector("#live-state[data-state=on]");
  const { world } = site;
  world.depths = world.depths.map((depth) => depth.function === HOSTILE ? { ...depth, ready: 77_777 } : depth);
  await page.waitForSelector("#rows >> text=77\u202f777");
  world.troubles = [...world.troubles, { ...world.troubles.at(-1)!, title: `later ${HOSTILE}` }];
  await page.waitForSelector("#troubles >> text=later");
  for (const path of [paths.function(HOSTILE), paths.run(HOSTILE), paths.message(HOSTILE), "/console/queues"]) {
    await page.goto(site.url + path);
    await scripted(page);
    assert((await page.textContent("main"))?.includes("<script>alert"), path);
  }
  assertEquals(await page.locator("main script, main img").count(), 0);
  assertEquals(browser.mistakes, []);
});
