import { assert, assertEquals } from "@std/assert";
import type { Page } from "playwright-core";
import { paths } from "../../lib/console/paths.ts";
import { folder } from "../loader/folder.ts";
import { BrokerClient } from "../support/broker_client.ts";
import { browserTest } from "../support/browser.ts";
import { EmbeddedBroker } from "../support/embedded_broker.ts";
import { residentMemory } from "../support/resident_memory.ts";
import type { RunnerProcess } from "../support/runner_process.ts";
import { startServing } from "../support/serving.ts";
import { HOSTILE } from "./fake_world.ts";

const FUNCTIONS = 1_000;
const LETTERS = 100_000;
/** Bytes. */
const LARGE = 16_000_000;
/** No path can have the end tag of the usual one. */
const NAME = "<img src=x onerror=alert(1)><script>alert(2)<script>";
/** Milliseconds until a page is there; a look at dead letters may take five seconds by itself. */
const MOST = 3_000;
const MOST_LOOK = 8_000;

const SERVED = `export const config = { retry: [] };
export default ({ headers }, { log }) => {
  log.info(String(headers.note));
  throw new Error(String(headers.note));
};`;

/** A runner with very many functions, dead letters and large messages, all of them full of markup. */
async function publishAll(broker: BrokerClient): Promise<void> {
  const headers = { note: HOSTILE, [HOSTILE.slice(0, 100)]: HOSTILE };
  const dead = { ...headers, "warren-reason": "failed", "warren-error-type": HOSTILE, "warren-error": HOSTILE };
  const body = JSON.stringify({ text: HOSTILE });
  const bodies = Array.from({ length: LETTERS / 10 }, () => body);
  const properties = { contentType: "application/json", messageId: HOSTILE };
  await broker.publish("f0.dead", ["x".repeat(LARGE)], { headers: dead, messageId: "large" });
  for (let part = 0; part < 10; part++) await broker.publish("f0.dead", bodies, { ...properties, headers: dead });
  await broker.publish("f1", [body], { ...properties, headers });
  await broker.publish("f1", ["y".repeat(LARGE)], { headers, messageId: "large" });
}

/** Opens a page, and gives the milliseconds until it was there. */
async function timed(page: Page, url: string): Promise<number> {
  const began = performance.now();
  await page.goto(url, { waitUntil: "domcontentloaded" });
  await page.waitForSelector("html.js");
  return performance.now() - began;
}

async function look({ page, mistakes }: { page: Page; mistakes: string[] }, runner: RunnerProcess): Promise<void> {
  page.on("dialog", (dialog) => {
    mistakes.push(`a dialog: ${dialog.message()}`);
    dialog.dismiss();
  });
  const dead = paths.dead("f0");
  const pages: [path: string, most: number, expected: string][] = [
    [paths.overview, MOST, "The first 200 of"],
    ["/?filter=f99", MOST, "f998"],
    [paths.function(NAME), MOST, "<script>alert(2)"],
    [paths.function("f1"), MOST, "<script>alert"],
    [paths.runs, MOST, "<script>alert"],
    [`${paths.runs}?text=script`, MOST, "<script>alert"],
    [paths.message(HOSTILE), MOST, "<script>alert"],
    [paths.message("large"), MOST, "16 MB"],
    [paths.queues, MOST, "f1"],
    [paths.deadLetters, MOST, "f0"],
    [dead, MOST_LOOK, "<script>alert"],
    [paths.letter("f0", "large"), MOST_LOOK, "16 MB"],
  ];
  for (const [path, most, expected] of pages) {
    const took = await timed(page, runner.url + path);
    const size = (await page.content()).length;
    console.log(`${Math.round(took)} ms, ${Math.round(size / 1_000)} kB: ${path}`);
    assert((await page.textContent("main"))?.includes(expected), `${path} has no "${expected}"`);
    assert(took < most, `${path} took ${Math.round(took)} ms`);
    assertEquals(await page.locator("main script, main img").count(), 0, path);
  }
}

browserTest(
  "with 1,000 functions, 100,000 dead letters and bodies of 16 MB, pages are fast and inert",
  async (browser) => {
    await using broker = await EmbeddedBroker.launch();
    await using client = await BrokerClient.connect(broker.url);
    const files = Array.from({ length: FUNCTIONS - 1 }, (_, n) => [`f${n}.ts`, SERVED]);
    await using functions = await folder({ ...Object.fromEntries(files), [`${NAME}.ts`]: SERVED });
    await using data = await folder();
    await using runner = await startServing({
      amqpUrl: broker.url,
      functionsDir: functions.path,
      env: { WARREN_DATA: data.path, RUNS_BODIES: "true" },
      startTimeout: 60_000,
    });
    await publishAll(client);
    const { page } = await browser.open();
    await look({ page, mistakes: browser.mistakes }, runner);
    console.log(`${Math.round(residentMemory(runner.pid)! / 1e6)} MB resident`);
    assertEquals(browser.mistakes, []);
  },
);
