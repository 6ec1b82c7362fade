import { assertEquals } from "@std/assert";
import { join } from "node:path";
import { folder } from "../loader/folder.ts";
import { lockWith, PACKAGE } from "../loader/project/locked.ts";
import { BrokerPlace } from "../support/hosted_broker.ts";
import { handledBy, post, startServing, troubleOf } from "../support/serving.ts";

const HANDLER = `
  import { Cron } from "cron";
  import { Reject } from "warren";
  import { word } from "@/word.ts";
  export const config = { permissions: { env: ["SHOP_*", "KEY"] } };
  export default (_, { log }) => log.info("handled", {
    word,
    imports: [typeof Cron, Reject.name],
    seen: ["SHOP_NAME", "KEY", "HIDDEN"].map((name) => Deno.env.get(name) ?? null),
  });`;

function settings(words: string): string {
  return JSON.stringify({ imports: { cron: PACKAGE, "@/": `./${words}/` } });
}

Deno.test("functions of a project have its imports, its lock file and its .env, and follow when these change", async () => {
  const lock = await lockWith();
  await using dir = await folder({
    "deno.json": settings("old"),
    "deno.lock": lock,
    ".env": 'SHOP_NAME="corner shop"\nHIDDEN=yes\nKEY_FILE=/nowhere\n',
    "key": "k3y\n",
    "old/word.ts": 'export const word = "old";',
    "new/word.ts": 'export const word = "new";',
    "functions/a.ts": HANDLER,
  });
  await using place = await BrokerPlace.make();
  const env = { ...place.env, BROKER: "embedded", KEY_FILE: join(dir.path, "key") };
  await using runner = await startServing({ functionsDir: join(dir.path, "functions"), env });
  const seen = ["corner shop", "k3y", null];
  const handled = async (count: number) => {
    assertEquals(await post(runner, "a", "x"), 202);
    await runner.waitForLog(() => handledBy(runner).length === count);
    const { word, imports, seen } = handledBy(runner).at(-1)!;
    return { word, imports, seen };
  };
  assertEquals(await handled(1), { word: "old", imports: ["function", "Reject"], seen });
  await dir.write({ "deno.json": settings("new") });
  await runner.waitForLog(({ message }) => message === "serving a new version");
  assertEquals(await handled(2), { word: "new", imports: ["function", "Reject"], seen });
  assertEquals(await Deno.readTextFile(join(dir.path, "deno.lock")), lock);
  const trouble = troubleOf(runner).map(({ message }) => message);
  assertEquals(trouble.filter((message) => !message.includes("HIDDEN")), []);
});
