/** Takes the pictures of docs/console.md, of a made-up night: `deno task screenshots`. */
import { TestBrowser } from "../support/browser.ts";
import { fakeConsole } from "./fake_console.ts";

const FOLDER = new URL("../../docs/images/", import.meta.url);
/** The last time that it was twelve minutes past three at night. */
const NIGHT = Date.now() - (Date.now() - Date.UTC(2026, 0, 1, 3, 12, 40)) % 86_400_000;

interface Picture {
  readonly name: string;
  readonly path: string;
  readonly dark?: boolean;
  /** Pixels. @default 1100 */
  readonly width?: number;
  /** Pixels; the page is cut there. */
  readonly height: number;
}

const PICTURES: readonly Picture[] = [
  { name: "overview", path: "/", height: 900 },
  { name: "overview-dark", path: "/", dark: true, height: 900 },
  { name: "overview-phone", path: "/", width: 360, height: 900 },
  { name: "function", path: "/console/functions/orders.created", height: 1_000 },
  { name: "function-dark", path: "/console/functions/images.resize", dark: true, height: 1_300 },
  { name: "message", path: "/console/messages?id=order-4711", height: 900 },
  { name: "dead-letters", path: "/console/dead/orders.created", height: 640 },
  { name: "dead-letter", path: "/console/dead/orders.created/letter?id=order-4711", height: 760 },
  { name: "queues", path: "/console/queues?purge=orders.created", height: 700 },
];

async function take(browser: TestBrowser, url: string, picture: Picture): Promise<void> {
  const { name, path, dark = false, width = 1_100, height } = picture;
  const { page, context } = await browser.open({
    viewport: { width, height },
    colorScheme: dark ? "dark" : "light",
    timezoneId: "UTC",
  });
  await page.goto(url + path);
  await page.waitForSelector("html.js");
  if (await page.locator("#live").count() > 0) await page.waitForSelector("#live-state[data-state=on]");
  await page.evaluate("document.fonts.ready");
  await page.screenshot({ path: new URL(`console-${name}.png`, FOLDER).pathname });
  await context.close();
}

if (import.meta.main) {
  await Deno.mkdir(FOLDER, { recursive: true });
  const closing = new AbortController();
  const { app } = fakeConsole({ now: NIGHT, live: { closing: closing.signal } });
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, app.fetch);
  {
    await using browser = await TestBrowser.launch();
    for (const picture of PICTURES) await take(browser, `http://127.0.0.1:${server.addr.port}`, picture);
  }
  closing.abort();
  await server.shutdown();
}
