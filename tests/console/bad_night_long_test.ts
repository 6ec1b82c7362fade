import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Page } from "playwright-core";
import { folder } from "../loader/folder.ts";
import { browserTest } from "../support/browser.ts";
import { EmbeddedBroker } from "../support/embedded_broker.ts";
import { eventually } from "../support/eventually.ts";
import type { RunnerProcess } from "../support/runner_process.ts";
import { startServing } from "../support/serving.ts";

/** Milliseconds in which the console must show what happens. */
const SOON = 2_000;
const GOOD = 10;
const BAD = 30;

const CONFIG = `export const config = {
  queue: "orders", retry: [], prefetch: 1,
  killSwitch: { window: "10m", errorRate: 0.5, minimum: 10, coolDown: "1h" },
};
`;
/** Fails for orders without items, and leaves its failures to the kill switch. */
const BROKEN = `${CONFIG}
export default ({ body }, { log }) => {
  log.info("adding up order " + body.order);
  return body.items.reduce((sum, item) => sum + item, 0);
};`;
const REPAIRED = BROKEN.replace("body.items.reduce", "(body.items ?? []).reduce");

async function publish(runner: RunnerProcess, order: number, items?: number[]): Promise<void> {
  const response = await fetch(`${runner.url}/functions/orders`, {
    method: "POST",
    headers: { "content-type": "application/json", "message-id": `order-${order}` },
    body: JSON.stringify({ order, items }),
  });
  await response.body?.cancel();
  assertEquals(response.status, 202);
}

/** Opens a page and waits until it is kept up to date. */
async function open(page: Page, url: string): Promise<void> {
  await page.goto(url);
  await page.waitForSelector("#live-state[data-state=on]");
}

browserTest(
  "a bad night: a function fails, is stopped, is repaired, and its dead letters go through it",
  async (browser) => {
    await using broker = await EmbeddedBroker.launch();
    await using functions = await folder({ "orders.ts": BROKEN, "mails.ts": "export default () => {};" });
    await using data = await folder();
    await using runner = await startServing({
      amqpUrl: broker.url,
      functionsDir: functions.path,
      args: ["start", "--watch"],
      env: { WARREN_DATA: data.path, RUNS_BODIES: "true" },
    });
    const { page } = await browser.open();

    // On a healthy day nothing needs attention.
    await Promise.all(Array.from({ length: GOOD }, (_, n) => publish(runner, 1 + n, [n])));
    await open(page, runner.url);
    await eventually(async () => await page.locator("#recent tbody tr").count() === GOOD);
    assertEquals(await page.textContent("#troubles"), "");

    // It begins to fail, and the kill switch stops it.
    const began = performance.now();
    await publish(runner, 101);
    await Promise.all(Array.from({ length: BAD - 1 }, (_, n) => publish(runner, 102 + n)));
    await page.waitForSelector("#recent >> text=Cannot read properties of undefined");
    const shown = performance.now() - began;
    await page.waitForSelector("#troubles >> text=kill switch");
    assert(shown < SOON, `it was shown after ${shown} ms`);
    await page.waitForSelector("#f-orders >> text=paused");
    const dead = await eventually(async () => Number(await page.textContent("#link-orders-dead")));

    // The dead letters are read.
    await page.click("#link-orders-dead");
    await page.waitForSelector(`.groups >> text=${dead}×`);
    assertMatch(await page.textContent(".groups") ?? "", /TypeError: Cannot read properties of undefined/);
    await page.click("text=order-101");
    await page.waitForSelector("text=orders.ts");
    assertMatch(await page.inputValue("#edit-body"), /"order": 101/);

    // Repaired on disk, it takes what waited.
    await functions.write({ "orders.ts": REPAIRED });
    await page.goto(runner.url);
    await page.waitForSelector("#f-orders >> text=serving");
    await eventually(async () => await page.locator("#troubles >> text=kill switch").count() === 0);

    // One is edited and sent again,
    await page.goto(`${runner.url}/console/dead/orders/letter?id=order-101`);
    await page.fill("#edit-body", '{"order":101,"items":[4,5]}');
    await page.click("text=Send again with these changes");
    await page.waitForSelector("h1 >> text=Message");
    await page.waitForSelector("main >> text=completed");
    assertMatch(await page.textContent("main") ?? "", /adding up order 101/);

    // then all the others, with progress.
    await page.goto(`${runner.url}/console/dead/orders`);
    await page.fill("input[name=rate]", "20");
    await page.click(`text=Send all ${dead - 1} that fit again`);
    await page.waitForSelector("progress");
    await page.waitForSelector("#jobs .outcome:text-is('done')");
    assertMatch(await page.textContent("#jobs") ?? "", new RegExp(`${dead - 1} done`));
    await page.reload();
    await page.waitForSelector("text=orders.dead is empty.");

    // The plots of the function show the night, in words too.
    await open(page, `${runner.url}/console/functions/orders`);
    await page.waitForSelector("#plot-throughput canvas");
    const ended = GOOD + BAD + dead;
    await page.waitForSelector(
      `#words-throughput:text-is("${ended} invocations ended in the last hour; ${dead} failed.")`,
    );
    await page.waitForSelector("#words-depth:text-matches('0 dead')");
    const [, , failed]: number[][] = JSON.parse(await page.textContent("#data-throughput") ?? "");
    assert(failed.some((count) => count > 0));
    assertMatch(await page.textContent("#errors") ?? "", new RegExp(`${dead}×`));
    assertEquals(browser.mistakes, []);
  },
);
