import { eventually } from "./eventually.ts";
import { freePort } from "./free_port.ts";

const required = (Deno.env.get("WARREN_TEST_REQUIRE") ?? "").split(",").includes("redis");
const COMMAND = Deno.env.get("WARREN_TEST_REDIS_SERVER") ?? "redis-server";
/** Whether there is a `redis-server` that can be started. */
export const redisFound = await isThere();
let told = false;

/**
 * A test that needs a Redis, which it starts itself. Where there is no `redis-server` it is skipped and one line says
 * how to run it; where WARREN_TEST_REQUIRE names `redis` it fails instead.
 */
export function redisTest(name: string, fn: () => Promise<void>): void {
  if (!redisFound && !required && !told) {
    told = true;
    console.log(`There is no ${COMMAND}: the tests that need Redis are skipped.`);
    console.log("To run them, install it (Debian's redis-server), or name it in WARREN_TEST_REDIS_SERVER.");
  }
  Deno.test({
    name,
    ignore: !redisFound && !required,
    fn() {
      if (!redisFound) throw new Error(`there is no ${COMMAND}`);
      return fn();
    },
  });
}

/** A Redis of the test's own, with a password and data that is removed at the end. */
export class RedisServer implements AsyncDisposable {
  readonly #folder: string;
  readonly #sync: "always" | "everysec";
  readonly #port = freePort();
  #child: Deno.ChildProcess | undefined;

  private constructor(folder: string, sync: "always" | "everysec") {
    this.#folder = folder;
    this.#sync = sync;
  }

  /** @param sync When what it takes is on the disk: before it answers, or within a second */
  static async launch(sync: "always" | "everysec" = "always"): Promise<RedisServer> {
    const server = new RedisServer(await Deno.makeTempDir({ prefix: "warren-redis-" }), sync);
    try {
      await server.start();
      return server;
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
  }

  get url(): string {
    return `redis://:pass%2Fword@127.0.0.1:${this.#port}`;
  }

  /** Starts it, also after `kill()`: on the same port, with what was on the disk. */
  async start(): Promise<void> {
    const settings = { port: this.#port, bind: "127.0.0.1", dir: this.#folder, requirepass: "pass/word" };
    const durable = { appendonly: "yes", appendfsync: this.#sync, save: "" };
    this.#child = new Deno.Command(COMMAND, {
      args: Object.entries({ ...settings, ...durable }).flatMap(([name, value]) => [`--${name}`, String(value)]),
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    await eventually(async () => (await Deno.connect({ port: this.#port })).close() ?? true, { what: "Redis" });
  }

  async kill(): Promise<void> {
    this.signal("SIGKILL");
    await this.#child?.status;
    this.#child = undefined;
  }

  signal(signal: Deno.Signal): void {
    this.#child?.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child) await this.kill();
    await Deno.remove(this.#folder, { recursive: true });
  }
}

async function isThere(): Promise<boolean> {
  try {
    return (await new Deno.Command(COMMAND, { args: ["--version"], stdout: "null", stderr: "null" }).output()).success;
  } catch {
    return false;
  }
}
