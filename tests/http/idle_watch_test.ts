import { assertEquals } from "@std/assert";
import { IdleWatch } from "../../lib/http/idle_watch.ts";

const never = new AbortController().signal;
const untilAborted = (signal: AbortSignal) =>
  new Promise<string>((resolve) => signal.addEventListener("abort", () => resolve("aborted"), { once: true }));

Deno.test("a caller whose function becomes idle learns why, and callers of others go on waiting", async () => {
  let why: string | undefined;
  let looks = 0;
  const watch = new IdleWatch({
    interval: 1,
    why: (name) => {
      // Idle from the third look on.
      if (name === "broken" && ++looks > 2) why = "no licence";
      return Promise.resolve(name === "broken" ? why : undefined);
    },
  });
  const done = Promise.withResolvers<string>();
  const other = watch.during("fine", never, () => done.promise);
  const callers = [1, 2].map(() => watch.during("broken", never, untilAborted));
  assertEquals(watch.waiting, 3);
  for (const caller of callers) assertEquals(await caller, { value: "aborted", idle: "no licence" });
  done.resolve("answer");
  assertEquals(await other, { value: "answer", idle: undefined });
  assertEquals(watch.waiting, 0);
});

Deno.test("there is one look at a time for each function, whoever comes and goes meanwhile", async () => {
  let looking = 0;
  let most = 0;
  let looks = 0;
  const first = Promise.withResolvers<void>();
  const watch = new IdleWatch({
    interval: 1,
    why: async () => {
      most = Math.max(most, ++looking);
      if (looks++ === 0) await first.promise;
      looking--;
      return looks > 5 ? "idle" : undefined;
    },
  });
  const gone = new AbortController();
  const left = watch.during("f", gone.signal, untilAborted);
  while (looks === 0) await new Promise((turn) => setTimeout(turn, 0));
  // The last one leaves, and others come, while the first look is under way.
  gone.abort();
  await left;
  const later = [1, 2, 3].map(() => watch.during("f", never, untilAborted));
  first.resolve();
  for (const { idle } of await Promise.all(later)) assertEquals(idle, "idle");
  assertEquals(most, 1);
});

Deno.test("a caller that goes away ends its own work alone, without a reason", async () => {
  const watch = new IdleWatch({ why: () => Promise.resolve(undefined) });
  const gone = new AbortController();
  const caller = watch.during("slow", gone.signal, untilAborted);
  gone.abort();
  assertEquals(await caller, { value: "aborted", idle: undefined });
});

Deno.test("a look that fails is no reason to give up", async () => {
  const failed = Promise.withResolvers<void>();
  const watch = new IdleWatch({
    interval: 1,
    why: () => {
      failed.resolve();
      return Promise.reject(new Error("no connection"));
    },
  });
  const answer = Promise.withResolvers<string>();
  const caller = watch.during("slow", never, () => answer.promise);
  await failed.promise;
  answer.resolve("answer");
  assertEquals(await caller, { value: "answer", idle: undefined });
});
