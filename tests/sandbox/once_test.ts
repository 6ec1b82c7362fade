import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { Outcome } from "../../lib/invocation/outcome.ts";
import type { Invocation } from "../../lib/invocation/sandbox.ts";
import { Cage, failureOf, invocationOf } from "../misbehaving/cage.ts";
import { eventually } from "../support/eventually.ts";
import { MemoryStore } from "../support/memory_store.ts";

/** A function in each kind of sandbox, with a store; `effect` says "ran", so that runs can be counted. */
function onceTest(name: string, handler: string, fn: (cage: Cage, store: MemoryStore) => Promise<void>, config = {}) {
  for (const isolation of ["process", "inline"]) {
    Deno.test(`${isolation}: ${name}`, async () => {
      const store = new MemoryStore();
      await using cage = await Cage.make(
        `const handler = ${handler};
        export default handler;
        const say = (context, text) => context.log.info(String(text), { said: true });`,
        { config: { isolation, ...config }, store },
      );
      await fn(cage, store);
    });
  }
}

const COUNTED = `async ({ body, properties }, context) => {
  const value = await context.once(body.key, () => {
    say(context, "ran");
    if (body.fail) throw new RangeError("not yet");
    return body.value;
  });
  say(context, "got " + JSON.stringify(value));
}`;

onceTest("an effect runs once for a key, and every run gets what it returned", COUNTED, async (cage) => {
  for (const value of [{ a: [1, "ä", null] }, "another"]) await cage.run({ key: "k", value });
  await cage.run({ key: "other", value: 2 });
  const got = 'got {"a":[1,"ä",null]}';
  assertEquals(cage.said, ["ran", got, got, "ran", "got 2"]);
});

onceTest("an effect that throws runs again, and its own error is the handler's", COUNTED, async (cage, store) => {
  const { type, message } = failureOf(await cage.run({ key: "k", fail: true }), "failed");
  assertEquals([type, message], ["RangeError", "not yet"]);
  await eventually(() => store.keys.length === 0);
  assertEquals((await cage.run({ key: "k", value: 1 })).kind, "completed");
  assertEquals(cage.said, ["ran", "ran", "got 1"]);
});

onceTest(
  "without a key it is the message's id, and without an id an error says what to do",
  "async (message, context) => say(context, await context.once(() => (say(context, 'ran'), message.properties.messageId)))",
  async (cage, store) => {
    for (const messageId of ["a", "a", "b"]) await cage.run(null, { properties: { messageId } });
    assertEquals(cage.said, ["ran", "a", "a", "ran", "b"]);
    assertEquals(store.keys, ["function/a", "function/b"]);
    for (const properties of [{}, { messageId: "" }]) {
      const { type, message } = failureOf(await cage.run(null, { properties }), "failed");
      assertEquals(type, "TypeError");
      assertStringIncludes(message, "this message has none: publish it with a messageId, or give a key");
    }
  },
);

onceTest(
  "calls with one key in one invocation share one run, and each has a copy of its own",
  `async (_, context) => {
    const effect = () => (say(context, "ran"), { list: [] });
    const [one, two] = await Promise.all([context.once("k", effect), context.once("k", effect)]);
    one.list.push(1);
    say(context, JSON.stringify([two, await context.once("k", effect)]));
  }`,
  async (cage) => {
    assertEquals(await cage.run(), { kind: "completed" });
    assertEquals(cage.said, ["ran", '[{"list":[]},{"list":[]}]']);
  },
);

onceTest(
  "what is no JSON, or too large, is told now and later, and the effect does not run again",
  `async ({ body }, context) => {
    const values = { bigint: 1n, function: () => {}, large: "x".repeat(65_536), fits: "x".repeat(65_534), none: undefined };
    const value = await context.once(body, () => (say(context, body), values[body]));
    say(context, typeof value);
  }`,
  async (cage) => {
    for (
      const [key, type, why] of [["bigint", "TypeError", "BigInt"], ["function", "TypeError", "no JSON"], [
        "large",
        "RangeError",
        "more than 65536 bytes",
      ]]
    ) {
      for (let turn = 0; turn < 2; turn++) {
        const failure = failureOf(await cage.run(key), "failed");
        assertEquals(failure.type, type);
        assertStringIncludes(failure.message, `the effect of once("${key}") has run and will not run again`);
        assertStringIncludes(failure.message, why);
      }
    }
    for (const key of ["fits", "fits", "none", "none"]) assertEquals((await cage.run(key)).kind, "completed");
    assertEquals(cage.said, [
      "bigint",
      "function",
      "large",
      "fits",
      "string",
      "string",
      "none",
      "undefined",
      "undefined",
    ]);
  },
);

onceTest(
  "a key or an effect that is none is an error that says so",
  "async ({ body }, context) => context.once(body === 'long' ? 'x'.repeat(513) : body, body === 'k' ? 5 : () => {})",
  async (cage, store) => {
    for (const body of ["", "long", 5, null, "k"]) {
      assertStringIncludes(failureOf(await cage.run(body), "failed").message, "once() ");
    }
    assertEquals(store.keys, []);
  },
);

onceTest("a key that another holds is waited for, and its value taken", COUNTED, async (cage, store) => {
  await store.claim("function/k", "another", 60_000);
  const outcome = cage.run({ key: "k", value: 1 });
  await eventually(() => store.asked >= 3);
  await store.done("function/k", "another", '"theirs"', 60_000);
  assertEquals((await outcome).kind, "completed");
  assertEquals(cage.said, ['got "theirs"']);
});

onceTest("a key whose holder is gone is taken when the lease ends", COUNTED, async (cage, store) => {
  await store.claim("function/k", "another", 300);
  assertEquals((await cage.run({ key: "k", value: 1 })).kind, "completed");
  assertEquals(cage.said, ["ran", "got 1"]);
});

onceTest(
  "who waits for a key waits no longer than the time limit, and asks no more then",
  COUNTED,
  async (cage, store) => {
    await store.claim("function/k", "another", 60_000);
    assertEquals((await cage.run({ key: "k" })).kind, "timedOut");
    // One question may be on its way.
    await eventually(() => store.quiet(1_500), { timeout: 15_000 });
    assertEquals(cage.said, []);
  },
  { timeout: 300 },
);

onceTest("a store that is down makes it a failure, at once and with the reason", COUNTED, async (cage, store) => {
  store.down = true;
  const failure = failureOf(await cage.run({ key: "k", value: 1 }), "failed");
  assertEquals(failure.type, "OnceError");
  assertStringIncludes(failure.message, "the store of once() cannot be used: down for a test");
  store.down = false;
  assertEquals((await cage.run({ key: "k", value: 1 })).kind, "completed");
  assertEquals(cage.said, ["ran", "got 1"]);
});

onceTest("an effect that has run is recorded by a store that was down meanwhile", COUNTED, async (cage, store) => {
  store.failures = 2;
  assertEquals((await cage.run({ key: "k", value: 1 })).kind, "completed");
  assertEquals((await cage.run({ key: "k", value: 2 })).kind, "completed");
  assertEquals(cage.said, ["ran", "got 1", "got 1"]);
});

onceTest(
  "a claim lasts while its effect runs, also when its handler is done, and what that leaves is kept",
  `(() => {
    const [begun, opened] = [Promise.withResolvers(), Promise.withResolvers()];
    return async ({ body }, context) => {
      if (body === "open") return opened.resolve();
      const running = context.once("k", async () => {
        say(context, "ran");
        begun.resolve();
        await opened.promise;
        return body;
      });
      running.catch(() => {});
      await begun.promise;
      if (body === 1) throw new Error("meanwhile");
      say(context, await running);
    };
  })()`,
  async (cage) => {
    assertEquals((await cage.run(1)).kind, "failed");
    const second = cage.run(2);
    await cage.run("open");
    assertEquals((await second).kind, "completed");
    assertEquals(cage.said, ["ran", "1"]);
  },
);

onceTest(
  "in a batch each message has its own id for a key, and all of them share the keys",
  `async (messages, context) => {
    for (const message of messages) await message.once(() => say(context, "ran " + message.body));
    for (const message of messages) await message.once("shared", () => say(context, "shared"));
    await context.once("shared", () => say(context, "again"));
    await context.once("whole", () => say(context, "whole"));
    await context.once(() => {}).catch((error) => say(context, error.message));
  }`,
  async (cage) => {
    const batch = ["a", "b"].map((body) => withId(body));
    // The first one cannot be read, and is not in it.
    const broken: Invocation = { ...withId("broken"), body: new TextEncoder().encode("{") };
    const outcomes = await cage.sandbox.invokeBatch([broken, ...batch]);
    assertEquals(outcomes.map(({ kind }: Outcome) => kind), ["undecodable", "completed", "completed"]);
    const said = ["ran a", "ran b", "shared", "whole"];
    assertEquals(cage.said.slice(0, 4), said);
    assertStringIncludes(cage.said[4], "in a batch, give once() a key");
    await cage.sandbox.invokeBatch(batch);
    assertEquals(cage.said.length, 6);
  },
  { batch: { size: 3 } },
);

onceTest("without a store, once() says that there is none", COUNTED, async (cage) => {
  await using other = await Cage.make(
    "export default (_, context) => context.once('k', () => context.log.info('ran', { said: true }));",
  );
  assertStringIncludes(failureOf(await other.run(), "failed").message, "there is no store for once()");
  assertEquals([...cage.said, ...other.said], []);
});

Deno.test("a process that ends in the middle of an effect gives its keys up at once", async () => {
  const store = new MemoryStore();
  await using cage = await Cage.make(
    `export default ({ body }, context) => context.once("k", async () => {
      context.log.info("ran", { said: true });
      await new Promise((go) => setTimeout(go, 50));
      if (body === "exit") Deno.exit(1);
      if (body === "hang") await new Promise(() => setInterval(() => {}, 1000));
      if (body === "loop") for (;;);
    });`,
    { store, config: { timeout: 1_000 } },
  );
  for (const [body, kind] of [["exit", "crashed"], ["hang", "timedOut"], ["loop", "timedOut"]]) {
    assertEquals((await cage.run(body)).kind, kind);
    await eventually(() => store.keys.length === 0, { timeout: 1_000 });
  }
  assertEquals((await cage.run()).kind, "completed");
  assertEquals(cage.said, ["ran", "ran", "ran", "ran"]);
});

Deno.test("who waits for a key at the time limit costs no process: what runs beside it goes on", async () => {
  const store = new MemoryStore();
  await store.claim("function/k", "another", 60_000);
  await using cage = await Cage.make(
    `export default async ({ body }, context) => {
      if (body === "pid") return context.log.info(String(Deno.pid), { said: true });
      await context.once("k", () => {}).catch((error) => context.log.info(error.message, { said: true }));
    };`,
    { store, config: { timeout: 300 }, grace: 10_000 },
  );
  await cage.run("pid");
  assertEquals((await cage.run("wait")).kind, "completed");
  await cage.run("pid");
  assertEquals(cage.said[1], "another run held the key until the time of this one was over");
  assertEquals(cage.said[0], cage.said[2]);
});

Deno.test("a sandbox that is closed gives up the keys of effects that ran in it, before it is closed", async () => {
  const store = new MemoryStore();
  await using cage = await Cage.make(
    `export default (_, context) => context.once("k", async () => {
      context.log.info("ran", { said: true });
      await new Promise(() => setInterval(() => {}, 1000));
    });`,
    { store },
  );
  const outcome = cage.run();
  await eventually(() => cage.said.length === 1);
  assertEquals(store.keys, ["function/k"]);
  await cage.sandbox.close();
  assertEquals([(await outcome).kind, store.keys], ["abandoned", []]);
});

Deno.test("inline, a key of an effect that overran is held until its lease ends: it may still run", async () => {
  const store = new MemoryStore();
  await using cage = await Cage.make(
    `export default (_, context) => context.once("k", async () => {
      context.log.info("ran", { said: true });
      await new Promise(() => {});
    });`,
    { store, config: { isolation: "inline", timeout: 100 } },
  );
  assertEquals((await cage.run()).kind, "timedOut");
  assertEquals(store.keys, ["function/k"]);
  const claim = await store.claim("function/k", "another", 1);
  assert(claim.kind === "held" && claim.for < 3_000);
});

Deno.test("an invocation has at most a hundred calls under way, and the others are told", async () => {
  const store = new MemoryStore();
  await using cage = await Cage.make(
    `export default async (_, context) => {
      const gate = Promise.withResolvers();
      const calls = Array.from({ length: 150 }, (_, n) => context.once("k" + n, () => gate.promise));
      let failed = 0;
      await new Promise((go) => calls.forEach((call) => call.catch(() => ++failed === 50 && go())));
      gate.resolve();
      const settled = await Promise.allSettled(calls);
      context.log.info(settled.filter(({ status }) => status === "fulfilled").length + "", { said: true });
    };`,
    { store },
  );
  assertEquals(await cage.run(), { kind: "completed" });
  assertEquals(cage.said, ["100"]);
});

function withId(body: string): Invocation {
  const invocation = invocationOf(body);
  return { ...invocation, properties: { ...invocation.properties, messageId: body } };
}
