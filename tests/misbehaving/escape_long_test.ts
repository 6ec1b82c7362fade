import { assertEquals, assertStringIncludes } from "@std/assert";
import { type Attempt, moduleOf, type Targets } from "./attempt.ts";
import { Cage, reasonOf } from "./cage.ts";
import { ESCAPES } from "./escape.ts";

/** So many at a time: each is a process. */
const AT_ONCE = 4;
const SECRET = "warren-secret";

/** What is to be reached, and who came. */
class World implements AsyncDisposable {
  /** What came to where nobody may go. */
  readonly visits: string[] = [];
  readonly #folder: string;
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #other: Cage;

  private constructor(folder: string, other: Cage) {
    this.#folder = folder;
    this.#other = other;
    const onListen = () => {};
    this.#server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen }, () => Response.redirect(`${this.url}/x`));
    void this.#count();
  }

  static async make(): Promise<World> {
    const folder = await Deno.realPath(await Deno.makeTempDir({ prefix: "warren-world-" }));
    for (const name of ["secrets", "allowed"]) await Deno.mkdir(`${folder}/${name}`);
    await Deno.writeTextFile(`${folder}/secrets/secret.json`, JSON.stringify(SECRET));
    await Deno.writeTextFile(`${folder}/secrets/code.ts`, `export const secret = "${SECRET}"; postMessage(secret);`);
    await Deno.symlink(`${folder}/secrets/secret.json`, `${folder}/allowed/link.json`);
    await Deno.symlink(`${folder}/secrets`, `${folder}/allowed/folder`);
    const other = await Cage.make(
      "export default (_, context) => context.publish(String(Deno.pid), { routingKey: 'pid' });",
    );
    await other.run();
    return new World(folder, other);
  }

  get url(): string {
    return `http://127.0.0.1:${this.#listener.addr.port}`;
  }

  /** The permissions with what they name filled in. */
  permissions({ permissions = {} }: Attempt): Record<string, boolean | string[]> {
    const filled: Record<string, string> = {
      $allowed: `127.0.0.1:${this.#server.addr.port}`,
      $folder: `${this.#folder}/allowed`,
    };
    const fill = (list: boolean | string[]) => Array.isArray(list) ? list.map((item) => filled[item] ?? item) : list;
    return Object.fromEntries(Object.entries(permissions).map(([name, list]) => [name, fill(list)]));
  }

  targets(folder: string): Targets {
    return {
      host: "127.0.0.1",
      port: this.#listener.addr.port,
      allowedPort: this.#server.addr.port,
      secretJson: `${this.#folder}/secrets/secret.json`,
      secretCode: `${this.#folder}/secrets/code.ts`,
      allowed: `${this.#folder}/allowed`,
      folder,
      runner: Deno.pid,
      other: Number(this.#other.said[0]),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#server.shutdown();
    await this.#other[Symbol.asyncDispose]();
    await Deno.remove(this.#folder, { recursive: true });
  }

  async #count(): Promise<void> {
    for await (const connection of this.#listener) {
      this.visits.push(JSON.stringify(connection.remoteAddr));
      connection.close();
    }
  }
}

async function attempt(world: World, one: Attempt): Promise<void> {
  await using cage = await Cage.make(moduleOf(one), { config: { permissions: world.permissions(one) } });
  await cage.sandbox.warm();
  const outcome = await cage.run(world.targets(cage.folder));
  assertEquals(cage.said, [], "it reached what it was after");
  assertEquals(outcome.kind, one.ends ?? (one.gets === undefined ? "completed" : "failed"), Deno.inspect(outcome));
  assertStringIncludes(reasonOf(outcome), one.gets ?? "");
}

for (const [where, attempts] of Object.entries(ESCAPES)) {
  Deno.test(`a function without permission gets nowhere ${where}`, async (t) => {
    const secrets = ["API_TOKEN", "AMQP_URL", "BROKER_USERS", "AMQP_URL_FILE", "ONCE_STORE"];
    const before = secrets.map((name) => [name, Deno.env.get(name)] as const);
    for (const name of secrets) Deno.env.set(name, SECRET);
    await using world = await World.make();
    try {
      const waiting = [...attempts];
      await Promise.all(Array.from({ length: AT_ONCE }, async () => {
        for (let one = waiting.shift(); one; one = waiting.shift()) {
          const step = { name: `it ${one.tries}`, sanitizeOps: false, sanitizeResources: false, sanitizeExit: false };
          await t.step({ ...step, fn: () => attempt(world, one!) });
        }
      }));
      assertEquals(world.visits, []);
    } finally {
      for (const [name, value] of before) value === undefined ? Deno.env.delete(name) : Deno.env.set(name, value);
    }
  });
}

Deno.test("a link that somebody put into a folder that a function may read is followed: it can make none itself", async () => {
  await using world = await World.make();
  const handler = "await loot(Deno.readTextFileSync(at.allowed + '/link.json'));";
  const one: Attempt = { tries: "reads by a link", handler, permissions: { read: ["$folder"] } };
  await using cage = await Cage.make(moduleOf(one), { config: { permissions: world.permissions(one) } });
  assertEquals((await cage.run(world.targets(cage.folder))).kind, "completed");
  assertEquals(cage.said, [JSON.stringify(SECRET)]);
});

Deno.test("what a Worker of one function caches, no other function finds", async () => {
  const source = `
    const cache = await caches.open("shared");
    const found = await cache.match("http://a.invalid/b");
    if (!found) await cache.put("http://a.invalid/b", new Response("for others"));
    postMessage(found ? "found" : "kept");`;
  const module = `
    export default async (_, context) => {
      const worker = new Worker("data:text/javascript," + encodeURIComponent(${
    JSON.stringify(source)
  }), { type: "module" });
      const said = await new Promise((go) => worker.onmessage = ({ data }) => go(data));
      worker.terminate();
      await context.publish(said, { routingKey: "said" });
    };`;
  for (let i = 0; i < 2; i++) {
    await using cage = await Cage.make(module);
    await cage.run();
    assertEquals(cage.said, ["kept"]);
  }
});
