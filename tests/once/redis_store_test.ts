import { assert, assertEquals, assertRejects } from "@std/assert";
import { WarrenError } from "../../lib/base/errors.ts";
import { RedisStore } from "../../lib/once/redis_store.ts";
import { eventually } from "../support/eventually.ts";
import { freePort } from "../support/free_port.ts";
import { RedisServer, redisTest } from "../support/redis.ts";
import { storeSuite } from "./store_suite.ts";

storeSuite("Redis", async () => {
  const server = await RedisServer.launch();
  return { open: () => new RedisStore(server.url), [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}, redisTest);

redisTest("Redis: one that was killed fails, and is used again when it is back, with what it had", async () => {
  await using server = await RedisServer.launch();
  const store = new RedisStore(server.url);
  await store.claim("k", "a", 60_000);
  await store.done("k", "a", "1", 60_000);
  await server.kill();
  for (let n = 0; n < 5; n++) {
    await assertRejects(() => store.claim("k", "b", 60_000), WarrenError, "Redis at 127.0.0.1");
  }
  await server.start();
  const claim = await eventually(() => store.claim("k", "b", 60_000));
  assertEquals(claim, { kind: "done", value: "1" });
  await store.close();
});

redisTest("Redis: one that says nothing fails too, and nothing hangs", async () => {
  await using server = await RedisServer.launch();
  const store = new RedisStore(server.url);
  await store.claim("k", "a", 60_000);
  server.signal("SIGSTOP");
  await assertRejects(() => store.claim("k", "b", 60_000), WarrenError, "no answer within 5 s");
  server.signal("SIGCONT");
  await eventually(async () => (await store.claim("k", "b", 60_000)).kind === "held");
  await store.close();
});

redisTest("Redis: an error has no password in it", async () => {
  await using server = await RedisServer.launch();
  const store = new RedisStore(server.url.replace("pass%2Fword", "secret"));
  const error = await assertRejects(() => store.claim("k", "a", 60_000), WarrenError, "Redis at 127.0.0.1");
  assert(!Deno.inspect(error.message).includes("secret"), error.message);
  await store.close();
});

Deno.test("Redis: where nothing listens it fails at once, and closes", async () => {
  const store = new RedisStore(`redis://127.0.0.1:${freePort()}`);
  for (let n = 0; n < 2; n++) {
    await assertRejects(() => store.claim("k", "a", 60_000), WarrenError, "Redis at 127.0.0.1");
  }
  await store.close();
});
