import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { fileURLToPath } from "node:url";
import process from "node:process";
import { resolveFunctionConfig } from "../../lib/invocation/function_config.ts";
import type { Outcome } from "../../lib/invocation/outcome.ts";
import type { Invocation, Publication } from "../../lib/invocation/sandbox.ts";
import { Logger } from "../../lib/log.ts";
import { ProcessSandbox } from "../../lib/sandbox/process_sandbox.ts";
import { eventually } from "../support/eventually.ts";

const CONFIG_FILE = fileURLToPath(new URL("../../deno.json", import.meta.url));

interface Setting {
  config?: Record<string, unknown>;
  publish?: (publication: Publication) => Promise<void>;
  loadTimeout?: number;
}

interface Fixture {
  sandbox: ProcessSandbox;
  lines: Record<string, unknown>[];
  published: Publication[];
  /** Runs the handler on a body, which is JSON. */
  run: (body?: unknown) => Promise<Outcome>;
  /** What the handler published, as text. */
  said: () => string[];
}

/** A sandbox for a module, which is gone with all its processes afterwards. */
async function withSandbox(module: string, setting: Setting, test: (fixture: Fixture) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "warren-sandbox-" });
  const file = `${folder}/function.ts`;
  await Deno.writeTextFile(file, module);
  const lines: Record<string, unknown>[] = [];
  const published: Publication[] = [];
  const sandbox = new ProcessSandbox({
    definition: resolveFunctionConfig(setting.config ?? {}, { name: "function", file, version: "1" }),
    sources: new Map([[file, module]]),
    folder,
    configFile: CONFIG_FILE,
    log: new Logger({ level: "debug", write: (line) => lines.push(JSON.parse(line)) }),
    grace: 100,
    loadTimeout: setting.loadTimeout ?? 30_000,
    publish: async (publication) => {
      published.push(publication);
      await setting.publish?.(publication);
    },
  });
  const run = (body: unknown = null) => sandbox.invoke(invocation(new TextEncoder().encode(JSON.stringify(body))));
  const said = () => published.map(({ body }) => new TextDecoder().decode(body));
  try {
    await test({ sandbox, lines, published, run, said });
  } finally {
    await sandbox.close();
    await Deno.remove(folder, { recursive: true });
  }
}

function invocation(body: Uint8Array): Invocation {
  const properties = { contentType: "application/json", messageId: "m" };
  return {
    body,
    properties,
    headers: { tenant: "a" },
    exchange: "shop",
    routingKey: "new",
    redelivered: false,
    attempt: 2,
  };
}

/** The failure of an outcome of this kind. */
function failureOf(outcome: Outcome, kind: Outcome["kind"]) {
  assertEquals(outcome.kind, kind, Deno.inspect(outcome));
  assert("failure" in outcome);
  return outcome.failure;
}

function reasonOf(outcome: Outcome): string {
  assert(outcome.kind === "abandoned", Deno.inspect(outcome));
  return outcome.reason;
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

const SAY_PID = `
  export default async (message, context) => {
    await context.publish(String(Deno.pid), { routingKey: "pid" });
    if (message.body === "loop") for (;;);
    if (message.body === "exit") Deno.exit(3);
    if (message.body === "wait") await new Promise(() => setInterval(() => {}, 1000));
  };
`;

Deno.test("a handler gets the whole message, and completes", async () => {
  const module = `
    export default (message, context) => {
      const { body, raw, headers, properties, exchange, routingKey, redelivered, attempt } = message;
      const found = [body, raw.length, headers, properties.messageId, exchange, routingKey, redelivered, attempt];
      const expected = [{ a: 1 }, 7, { tenant: "a" }, "m", "shop", "new", false, 2];
      if (JSON.stringify(found) !== JSON.stringify(expected)) throw new Error(JSON.stringify(found));
      if (context.attempt !== 2 || !(context.deadline > new Date())) throw new Error("context");
    };
  `;
  await withSandbox(module, {}, async ({ run }) => assertEquals(await run({ a: 1 }), { kind: "completed" }));
});

Deno.test("what a handler throws is how it ended", async () => {
  const module = `
    import { Reject, Retry } from "warren";
    export default async ({ body }) => {
      if (body === "type") throw new TypeError("no such thing");
      if (body === "text") throw "only text";
      if (body === "reject") throw new Reject("never again");
      if (body === "retry") throw new Retry({ delay: "5s" });
      if (body === "wrong") throw new Retry({ delay: "soon" });
      await Promise.reject(new RangeError("later"));
    };
  `;
  await withSandbox(module, {}, async ({ sandbox, run }) => {
    const { type, message, stack } = failureOf(await run("type"), "failed");
    assertEquals([type, message], ["TypeError", "no such thing"]);
    assertStringIncludes(stack!, "function.ts");
    assertEquals(failureOf(await run("text"), "failed"), { type: "string", message: "only text" });
    assertEquals(failureOf(await run("reject"), "rejected").message, "never again");
    const retry = await run("retry");
    assertEquals([retry.kind, retry.kind === "failed" && retry.delay], ["failed", 5_000]);
    assertStringIncludes(failureOf(await run("wrong"), "failed").message, "soon");
    assertEquals(failureOf(await run("else"), "failed").type, "RangeError");
    const undecodable = await sandbox.invoke(invocation(new TextEncoder().encode("{")));
    assertStringIncludes(failureOf(undecodable, "undecodable").message, "JSON");
  });
});

Deno.test("an endless loop times out, its process is killed, and the next message runs in another", async () => {
  await withSandbox(SAY_PID, { config: { timeout: 300 } }, async ({ run, said }) => {
    assertEquals((await run("loop")).kind, "timedOut");
    assertEquals((await run()).kind, "completed");
    const [first, second] = said();
    assert(first !== second);
    assert(!alive(Number(first)));
  });
});

Deno.test("a later neighbour of an endless loop runs again and completes", async () => {
  await withSandbox(SAY_PID, { config: { timeout: 1_000 } }, async ({ sandbox, run, published }) => {
    await sandbox.warm();
    const began = performance.now();
    const loop = run("loop");
    // By more than the grace: whose time is up as well cannot be told from who holds the process.
    await eventually(() => published.length === 1 && performance.now() - began > 300);
    const neighbour = run();
    assertEquals((await loop).kind, "timedOut");
    assertEquals((await neighbour).kind, "completed");
    assertEquals(published.length, 2);
  });
});

Deno.test("an endless loop times out once, also when the runner itself was held up past the grace", async () => {
  await withSandbox(SAY_PID, { config: { timeout: 300 } }, async ({ run, published }) => {
    const loop = run("loop");
    await eventually(() => published.length === 1, { timeout: 30_000 });
    const until = performance.now() + 600;
    while (performance.now() < until);
    assertEquals((await loop).kind, "timedOut");
    assertEquals(published.length, 1);
  });
});

Deno.test("a handler that stops at its signal timed out, in a process that lives on", async () => {
  const module = `
    export default async ({ body }, context) => {
      await context.publish(String(Deno.pid), { routingKey: "pid" });
      if (body !== "wait") return;
      await new Promise((_, reject) => {
        context.signal.addEventListener("abort", () => reject(context.signal.reason));
      });
    };
  `;
  await withSandbox(module, { config: { timeout: 300 } }, async ({ run, said }) => {
    assertEquals(failureOf(await run("wait"), "timedOut").type, "TimeoutError");
    assertEquals((await run()).kind, "completed");
    assertEquals(said()[0], said()[1]);
  });
});

Deno.test("a handler that ends its process crashed, and the next message runs in another", async () => {
  await withSandbox(SAY_PID, {}, async ({ run, said }) => {
    assertStringIncludes(failureOf(await run("exit"), "crashed").message, "code 3");
    assertEquals((await run()).kind, "completed");
    assert(said()[0] !== said()[1]);
  });
});

Deno.test("a module that throws while it loads abandons the message with its own error", async () => {
  await withSandbox(`throw new Error("no database");`, {}, async ({ sandbox, run }) => {
    assertStringIncludes(reasonOf(await run()), "no database");
    await assertRejects(() => sandbox.warm(), Error, "no database");
  });
});

Deno.test("a module that is no function, and one that cannot be parsed, abandon the message", async () => {
  await withSandbox(`export default 5;`, {}, async ({ run }) => {
    assertStringIncludes(reasonOf(await run()), "the default export is number");
  });
  await withSandbox(`export default (`, {}, async ({ run }) => {
    assertStringIncludes(reasonOf(await run()), "function.ts");
  });
});

Deno.test("a module that never finishes loading is given up", async () => {
  const modules = [`await new Promise(() => setInterval(() => {}, 1000)); export default () => {};`, `for (;;);`];
  for (const module of modules) {
    await withSandbox(module, { loadTimeout: 700 }, async ({ run }) => {
      assertStringIncludes(reasonOf(await run()), "did not finish loading within 0.7 s");
    });
  }
});

Deno.test("without permissions a handler reads no environment and no files, and reaches nobody", async () => {
  const module = `
    export default async ({ body }) => {
      if (body === "env") Deno.env.get("HOME");
      if (body === "read") await Deno.readTextFile("/etc/hosts");
      if (body === "write") await Deno.writeTextFile("/tmp/warren-must-not-exist", "");
      if (body === "net") await Deno.connect({ hostname: "127.0.0.1", port: 1 });
      if (body === "run") await new Deno.Command("/bin/true").output();
      if (body === "sys") Deno.hostname();
    };
  `;
  await withSandbox(module, {}, async ({ run }) => {
    for (const what of ["env", "read", "write", "net", "run", "sys"]) {
      assertEquals(failureOf(await run(what), "failed").type, "NotCapable", what);
    }
  });
});

Deno.test("the runner's secrets are in no function's environment, even where all of it is allowed", async () => {
  const secrets = ["AMQP_URL", "AMQP_URL_FILE", "API_TOKEN", "API_TOKEN_FILE", "BROKER_USERS"];
  const before = new Map([...secrets, "WARREN_TEST_PLAIN"].map((name) => [name, Deno.env.get(name)]));
  for (const name of before.keys()) Deno.env.set(name, "set");
  const module = `
    export default (_, context) => context.publish(Object.keys(Deno.env.toObject()), { routingKey: "names" });
  `;
  try {
    await withSandbox(module, { config: { permissions: { env: true } } }, async ({ run, said }) => {
      assertEquals((await run()).kind, "completed");
      const names: string[] = JSON.parse(said()[0]);
      assert(names.includes("WARREN_TEST_PLAIN"));
      assertEquals(names.filter((name) => secrets.includes(name)), []);
    });
  } finally {
    for (const [name, value] of before) value === undefined ? Deno.env.delete(name) : Deno.env.set(name, value);
  }
});

Deno.test("what a handler prints is logged, and disturbs nothing", async () => {
  const module = `
    export default () => {
      console.log("to people");
      console.error("to operators");
      Deno.stdout.writeSync(new Uint8Array([0, 0, 0, 9, 255, 254, 10]));
    };
  `;
  await withSandbox(module, {}, async ({ run, lines }) => {
    assertEquals((await run()).kind, "completed");
    const streamOf = (text: string) => eventually(() => lines.find(({ message }) => message === text)?.stream);
    assertEquals(await streamOf("to people"), "stdout");
    assertEquals(await streamOf("to operators"), "stderr");
  });
});

Deno.test("context.log writes into the runner's log, with the message's id and attempt", async () => {
  const module = `export default (_, { log }) => log.warn("slow", { seconds: 3, self: log });`;
  await withSandbox(module, {}, async ({ run, lines }) => {
    assertEquals((await run()).kind, "completed");
    const line = lines.find(({ message }) => message === "slow");
    assertEquals([line?.level, line?.seconds, line?.messageId, line?.attempt], ["warn", 3, "m", 2]);
  });
});

Deno.test("context.publish hands a whole message to the runner", async () => {
  const module = `
    export default (_, context) => context.publish({ a: 1 }, {
      exchange: "shop", routingKey: "sold", headers: { tenant: "b" }, priority: 3,
    });
  `;
  await withSandbox(module, {}, async ({ run, published, said }) => {
    assertEquals((await run()).kind, "completed");
    const [{ exchange, routingKey, headers, properties }] = published;
    assertEquals([exchange, routingKey, headers], ["shop", "sold", { tenant: "b" }]);
    assertEquals([properties.contentType, properties.deliveryMode, properties.priority], ["application/json", 2, 3]);
    assert(properties.timestamp instanceof Date);
    assertEquals(said(), ['{"a":1}']);
  });
});

Deno.test("a publish that the runner could not do rejects in the handler", async () => {
  const module = `export default (_, context) => context.publish("x", { routingKey: "nowhere" });`;
  const publish = () => Promise.reject(new Error("no queue takes it"));
  await withSandbox(module, { publish }, async ({ run }) => {
    const { type, message } = failureOf(await run(), "failed");
    assertEquals([type, message], ["PublishError", "no queue takes it"]);
  });
});

Deno.test("abort() aborts the signals of what runs, and waits for it", async () => {
  const module = `
    export default async (_, context) => {
      const stopped = new Promise((resolve) => context.signal.addEventListener("abort", resolve));
      await context.publish("running", { routingKey: "state" });
      await stopped;
    };
  `;
  await withSandbox(module, {}, async ({ sandbox, run, published }) => {
    const outcome = run();
    await eventually(() => published.length === 1, { timeout: 30_000 });
    await sandbox.abort(10_000);
    assertEquals(await outcome, { kind: "completed" });
  });
});

Deno.test("what does not stop in the grace is abandoned, and no process is left", async () => {
  await withSandbox(SAY_PID, {}, async ({ sandbox, run, published, said }) => {
    const outcomes = [run("wait"), run("loop")];
    await eventually(() => published.length === 2, { timeout: 30_000 });
    const pid = Number(said()[0]);
    assert(alive(pid));
    await sandbox.abort(50);
    for (const outcome of outcomes) assertStringIncludes(reasonOf(await outcome), "the runner stopped");
    assert(!alive(pid));
    assertStringIncludes(reasonOf(await run()), "closed");
  });
});

Deno.test("a failure's stack ends where the handler was called", async () => {
  await withSandbox('export default () => { throw new Error("boom"); };', {}, async ({ run }) => {
    const outcome = await run();
    const stack = outcome.kind === "failed" ? outcome.failure.stack ?? "" : "";
    assertStringIncludes(stack, "function.ts:1");
    assertEquals(stack.split("\n").length, 2);
  });
});
