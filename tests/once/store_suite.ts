import { assert, assertEquals } from "@std/assert";
import type { OnceStore } from "../../lib/invocation/once_store.ts";
import { eventually } from "../support/eventually.ts";

/** A place where stores of two runners, or more, see the same keys. */
export interface Shared extends AsyncDisposable {
  open(): Promise<OnceStore> | OnceStore;
}

type Stores = { first: OnceStore; second: OnceStore };

const MINUTE = 60_000;

/** What every store has to do, as tests of that store. */
export function storeSuite(
  name: string,
  share: () => Promise<Shared>,
  test: (name: string, fn: () => Promise<void>) => void = (name, fn) => Deno.test(name, fn),
): void {
  const storeTest = (sentence: string, fn: (stores: Stores) => Promise<void>) =>
    test(`${name}: ${sentence}`, async () => {
      await using shared = await share();
      const [first, second] = [await shared.open(), await shared.open()];
      try {
        await fn({ first, second });
      } finally {
        await first.close();
        await second.close();
      }
    });

  storeTest("a key is claimed once, and held for everybody else, its owner's other calls too", async (stores) => {
    const { first, second } = stores;
    assertEquals(await first.claim("k", "a", MINUTE), { kind: "claimed" });
    for (const [store, owner] of [[first, "a"], [first, "b"], [second, "c"]] as const) {
      const claim = await store.claim("k", owner, MINUTE);
      assert(claim.kind === "held");
      assert(claim.for > MINUTE - 10_000 && claim.for <= MINUTE, `${claim.for} ms`);
    }
    assertEquals(await second.claim("other", "c", MINUTE), { kind: "claimed" });
  });

  storeTest("of many who claim it at once, one has it", async ({ first, second }) => {
    const claims = await Promise.all(
      Array.from({ length: 50 }, (_, n) => (n % 2 ? first : second).claim("k", `owner ${n}`, MINUTE)),
    );
    assertEquals(claims.filter(({ kind }) => kind === "claimed").length, 1);
    assertEquals(claims.filter(({ kind }) => kind === "held").length, 49);
  });

  storeTest("what is done is done for everybody, with its value", async ({ first, second }) => {
    const values = {
      text: '"ä€𝄞"',
      object: '{"a":[1,null]}',
      empty: '""',
      nothing: undefined,
      long: `"${"x".repeat(65_534)}"`,
    };
    for (const [key, value] of Object.entries(values)) {
      await first.claim(key, "a", MINUTE);
      assertEquals(await first.done(key, "a", value, MINUTE), { value });
      for (const store of [first, second]) assertEquals(await store.claim(key, "b", MINUTE), { kind: "done", value });
    }
  });

  storeTest("who is done first is right, whoever holds the key by then", async ({ first, second }) => {
    await first.claim("k", "a", 1);
    await eventually(async () => (await second.claim("k", "b", MINUTE)).kind === "claimed");
    assertEquals(await first.done("k", "a", "1", MINUTE), { value: "1" });
    assertEquals(await second.done("k", "b", "2", MINUTE), { value: "1" });
    assertEquals(await second.claim("k", "c", MINUTE), { kind: "done", value: "1" });
  });

  storeTest("a lease ends by itself", async ({ first, second }) => {
    await first.claim("k", "a", 50);
    const claim = await eventually(async () => {
      const claim = await second.claim("k", "b", MINUTE);
      return claim.kind === "claimed" && claim;
    });
    assertEquals(claim, { kind: "claimed" });
  });

  storeTest("what is kept is forgotten when its time is over", async ({ first, second }) => {
    await first.claim("k", "a", MINUTE);
    await first.done("k", "a", "1", 50);
    await eventually(async () => (await second.claim("k", "b", MINUTE)).kind === "claimed");
  });

  storeTest("its owner gives a key up, and nobody else does", async ({ first, second }) => {
    await first.claim("k", "a", MINUTE);
    await second.release("k", "b");
    assertEquals((await second.claim("k", "b", MINUTE)).kind, "held");
    await first.release("k", "a");
    assertEquals((await second.claim("k", "b", MINUTE)).kind, "claimed");
    await first.release("nobody's", "a");
  });

  storeTest("what is done is not given up", async ({ first }) => {
    await first.claim("k", "a", MINUTE);
    await first.done("k", "a", "1", MINUTE);
    await first.release("k", "a");
    assertEquals((await first.claim("k", "b", MINUTE)).kind, "done");
  });

  storeTest("keys are text of any kind, and no two are one", async ({ first }) => {
    const keys = [
      "a/b",
      "a b",
      "a",
      "A",
      "*",
      "%",
      "'; DROP TABLE once; --",
      "ä",
      "a\u0308",
      "\0",
      "k".repeat(600),
      "{a}",
    ];
    for (const key of keys) assertEquals(await first.claim(key, "a", MINUTE), { kind: "claimed" }, key);
  });
}
