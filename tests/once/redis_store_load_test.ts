import { assert, assertRejects } from "@std/assert";
import { WarrenError } from "../../lib/base/errors.ts";
import { RedisStore } from "../../lib/once/redis_store.ts";
import { RedisServer, redisTest } from "../support/redis.ts";

redisTest("Redis: one that was killed fails at once", async () => {
  await using server = await RedisServer.launch();
  const store = new RedisStore(server.url);
  await store.claim("k", "a", 60_000);
  await server.kill();
  const began = performance.now();
  for (let n = 0; n < 5; n++) {
    await assertRejects(() => store.claim("k", "b", 60_000), WarrenError, "Redis at 127.0.0.1");
  }
  const took = performance.now() - began;
  await store.close();
  assert(took < 3_000, `it took ${Math.round(took)} ms`);
});
