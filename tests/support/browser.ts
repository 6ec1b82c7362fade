import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from "playwright-core";

const required = (Deno.env.get("WARREN_TEST_REQUIRE") ?? "").split(",").includes("browser");
/** Where Debian's chromium is, and where else one may be. */
const PLACES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const EXECUTABLE = Deno.env.get("WARREN_TEST_CHROMIUM") ?? PLACES.find(exists);
let told = false;

/** A chromium, and what went wrong on its pages. */
export class TestBrowser implements AsyncDisposable {
  /** Errors of scripts, what the content security policy refused, and what could not be loaded. */
  readonly mistakes: string[] = [];
  readonly #browser: Browser;

  constructor(browser: Browser) {
    this.#browser = browser;
  }

  static async launch(): Promise<TestBrowser> {
    return new TestBrowser(await chromium.launch({ executablePath: EXECUTABLE }));
  }

  /** A tab with nothing in its storage. */
  async open(options: BrowserContextOptions = {}): Promise<{ page: Page; context: BrowserContext }> {
    const context = await this.#browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
    context.setDefaultTimeout(15_000);
    const page = await context.newPage();
    page.on("pageerror", (error) => this.mistakes.push(`${page.url()}: ${error.message}`));
    page.on("console", (message) => {
      if (message.type() === "error") this.mistakes.push(`${page.url()}: ${message.text()}`);
    });
    return { page, context };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#browser.close();
  }
}

/**
 * A test that needs a chromium. Where there is none it is skipped and one line says how to run it; where
 * WARREN_TEST_REQUIRE names `browser` it fails instead.
 */
export function browserTest(name: string, fn: (browser: TestBrowser) => Promise<void>): void {
  if (EXECUTABLE === undefined && !required && !told) {
    told = true;
    console.log("There is no chromium: the tests that need a browser are skipped.");
    console.log("To run them, install it (Debian's chromium), or name it in WARREN_TEST_CHROMIUM.");
  }
  Deno.test({
    name,
    ignore: EXECUTABLE === undefined && !required,
    // The library keeps pipes and timers of its own.
    sanitizeOps: false,
    sanitizeResources: false,
    async fn() {
      if (EXECUTABLE === undefined) throw new Error("there is no chromium");
      await using browser = await TestBrowser.launch();
      await fn(browser);
    },
  });
}

function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}
