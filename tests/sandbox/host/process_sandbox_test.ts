import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { fileURLToPath } from "node:url";
import process from "node:process";
import { resolveFunctionConfig } from "../../../lib/invocation/definition/function_config.ts";
import type { Logged } from "../../../lib/invocation/insight/ended.ts";
import type { Outcome } from "../../../lib/invocation/outcome.ts";
import type { Invocation } from "../../../lib/invocation/sandbox.ts";
import { Logger } from "../../../lib/base/log.ts";
import { ProcessSandbox } from "../../../lib/sandbox/host/process_sandbox.ts";
import { failureOf } from "../../misbehaving/cage.ts";
import { eventually } from "../../support/eventually.ts";
import { invoked } from "../../support/invoked.ts";
import { anInvocation } from "../../support/invocation.ts";

const CONFIG_FILE = fileURLToPath(new URL("../../../deno.json", import.meta.url));

interface Setting {
  config?: Record<string, unknown>;
  loadTimeout?: number;
  /** @default 100 */
  grace?: number;
}

interface Fixture {
  sandbox: ProcessSandbox;
  lines: Record<string, unknown>[];
  /** What the observer got. */
  logged: Logged[];
  coldStarts: number[];
  /** How processes ended unexpectedly. */
  ends: string[];
  /** Runs the handler on a body, which is JSON. */
  run: (body?: unknown) => Promise<Outcome>;
  /** What the handler said through its log. */
  said: () => string[];
}

/** A sandbox for a module, which is gone with all its processes afterwards. */
async function withSandbox(module: string, setting: Setting, test: (fixture: Fixture) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "warren-sandbox-" });
  const file = `${folder}/function.ts`;
  await Deno.writeTextFile(file, module);
  const lines: Record<string, unknown>[] = [];
  const logged: Logged[] = [];
  const coldStarts: number[] = [];
  const ends: string[] = [];
  const sandbox = new ProcessSandbox({
    definition: resolveFunctionConfig(setting.config ?? {}, { name: "function", file, version: "1" }),
    sources: new Map([[file, module]]),
    folder,
    resolution: { config: CONFIG_FILE, files: new Map() },
    observer: {
      ended: () => {},
      logged: (line) => void logged.push(line),
      coldStart: (_, duration) => void coldStarts.push(duration),
      processEnded: (_, how) => void ends.push(how),
    },
    log: new Logger({ level: "debug", write: (line) => lines.push(JSON.parse(line)) }),
    grace: setting.grace ?? 100,
    loadTimeout: setting.loadTimeout ?? 30_000,
  });
  const run = (body: unknown = null) => invoked(sandbox, invocation(new TextEncoder().encode(JSON.stringify(body))));
  const said = () => lines.filter(({ said }) => said === true).map(({ message }) => String(message));
  try {
    await test({ sandbox, lines, run, said, logged, coldStarts, ends });
  } finally {
    await sandbox.close();
    await Deno.remove(folder, { recursive: true });
  }
}

function invocation(body: Uint8Array): Invocation {
  const properties = { contentType: "application/json", messageId: "m" };
  return anInvocation({
    body,
    properties,
    headers: { tenant: "a" },
    exchange: "shop",
    routingKey: "new",
    attempt: 2,
  });
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
    context.log.info(String(Deno.pid), { said: true });
    // What is said leaves with the turn of the event loop.
    await new Promise((resolve) => setTimeout(resolve, 10));
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
    const undecodable = await invoked(sandbox, invocation(new TextEncoder().encode("{")));
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
  await withSandbox(SAY_PID, { config: { timeout: 1_000 } }, async ({ sandbox, run, said }) => {
    await sandbox.warm();
    const began = performance.now();
    const loop = run("loop");
    // By more than the grace: whose time is up as well cannot be told from who holds the process.
    await eventually(() => said().length === 1 && performance.now() - began > 300);
    const neighbour = run();
    assertEquals((await loop).kind, "timedOut");
    assertEquals((await neighbour).kind, "completed");
    assertEquals(said().length, 2);
  });
});

Deno.test("an endless loop times out once, also when the runner itself was held up past the grace", async () => {
  await withSandbox(SAY_PID, { config: { timeout: 300 } }, async ({ run, said }) => {
    const loop = run("loop");
    await eventually(() => said().length === 1, { timeout: 30_000 });
    const until = performance.now() + 600;
    while (performance.now() < until);
    assertEquals((await loop).kind, "timedOut");
    assertEquals(said().length, 1);
  });
});

Deno.test("a handler that stops at its signal timed out, in a process that lives on", async () => {
  const module = `
    export default async ({ body }, context) => {
      context.log.info(String(Deno.pid), { said: true });
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

Deno.test("a module that throws while it loads abandons the message with its own error, and the line that threw", async () => {
  await withSandbox(`throw new Error("no database");`, {}, async ({ sandbox, run }) => {
    const why = /^the module could not be loaded: no database, at file:\S+:1:7$/;
    assertMatch(reasonOf(await run()), why);
    assertMatch((await assertRejects(() => sandbox.warm(), Error)).message, why);
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
  await withSandbox(module, { config: { permissions: { env: { strict: true } } } }, async ({ run }) => {
    for (const what of ["env", "read", "write", "net", "run", "sys"]) {
      assertEquals(failureOf(await run(what), "failed").type, "NotCapable", what);
    }
  });
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

Deno.test("an observer gets each line with its invocation, and each cold start", async () => {
  const module = `export default (_, { log }) => { log.warn("slow", { seconds: 3 }); console.log("printed"); };`;
  await withSandbox(module, {}, async ({ run, logged, coldStarts }) => {
    assertEquals((await run()).kind, "completed");
    await run();
    const [line] = logged.filter(({ message }) => message === "slow");
    assertEquals([line.level, line.fields], ["warn", { seconds: 3 }]);
    assertEquals(line.invocations.map(({ properties }) => properties.messageId), ["m"]);
    const printed = await eventually(() => logged.find(({ message }) => message === "printed"));
    assertEquals([printed.invocations.length, printed.fields], [0, { stream: "stdout" }]);
    assertEquals([coldStarts.length, coldStarts[0] > 0], [1, true]);
  });
});

Deno.test("an observer gets the lines of a batch with all its invocations", async () => {
  const module = `export default (messages, { log }) => log.info("all");`;
  await withSandbox(module, { config: { batch: { size: 2 } } }, async ({ sandbox, logged }) => {
    const batch = ["1", "2"].map((body) => invocation(new TextEncoder().encode(body)));
    await sandbox.invokeBatch(batch);
    assertEquals(logged.map(({ message, invocations }) => [message, invocations.length]), [["all", 2]]);
  });
});

Deno.test("what a handler publishes comes with its completion, whole", async () => {
  const module = `
    export default (_, context) => context.publish({ a: 1 }, {
      exchange: "shop", routingKey: "sold", headers: { tenant: "b" }, priority: 3, delay: "1s",
    });
  `;
  await withSandbox(module, {}, async ({ run }) => {
    const outcome = await run();
    assert(outcome.kind === "completed" && outcome.outputs?.length === 1);
    const [{ exchange, routingKey, headers, properties, body, delay }] = outcome.outputs;
    assertEquals([exchange, routingKey, headers, delay], ["shop", "sold", { tenant: "b" }, 1000]);
    assertEquals([properties.contentType, properties.deliveryMode, properties.priority], ["application/json", 2, 3]);
    assert(properties.timestamp instanceof Date);
    assertEquals(new TextDecoder().decode(body), '{"a":1}');
  });
});

Deno.test("what a handler published before it failed is nowhere", async () => {
  const module = `
    export default async (_, context) => {
      await context.publish("x", { routingKey: "there" });
      throw new Error("after all");
    };
  `;
  await withSandbox(module, {}, async ({ run }) => {
    const outcome = await run();
    assertEquals(failureOf(outcome, "failed").message, "after all");
    assertEquals("outputs" in outcome, false);
  });
});

Deno.test("a publish that cannot leave the process rejects where it was written", async () => {
  const module = `
    export default (message, context) => context.publish("x", message.body === "headers"
      ? { routingKey: "there", headers: { f() {} } }
      : {});
  `;
  await withSandbox(module, {}, async ({ run }) => {
    assertEquals(failureOf(await run("headers"), "failed").type, "DataCloneError");
    assertStringIncludes(failureOf(await run("no key"), "failed").message, "routingKey");
  });
});

Deno.test("what a handler returns is a result where somebody wants it, and nothing else", async () => {
  await withSandbox(
    "export default ({ body }) => body === 'none' ? undefined : { got: body };",
    {},
    async ({ sandbox }) => {
      const invoke = (body: string, wantsResult: boolean) =>
        invoked(sandbox, { ...invocation(new TextEncoder().encode(JSON.stringify(body))), wantsResult });
      const outcome = await invoke("x", true);
      assert(outcome.kind === "completed" && outcome.result);
      assertEquals(new TextDecoder().decode(outcome.result.body), '{"got":"x"}');
      assertEquals(outcome.result.contentType, "application/json");
      assertEquals(await invoke("x", false), { kind: "completed" });
      assertEquals(await invoke("none", true), { kind: "completed" });
    },
  );
});

Deno.test("an error's retryAfter is the delay that it asks for, in seconds as HTTP has it", async () => {
  const module = `export default ({ body }) => { throw Object.assign(new Error("busy"), { retryAfter: body }); };`;
  await withSandbox(module, {}, async ({ run }) => {
    const delays = [];
    for (const body of [2, "3", "1m", "nonsense", null]) {
      const outcome = await run(body);
      assert(outcome.kind === "failed");
      delays.push(outcome.delay);
    }
    assertEquals(delays, [2_000, 3_000, 60_000, undefined, undefined]);
  });
});

Deno.test("abort() aborts the signals of what runs, and waits for it", async () => {
  const module = `
    export default async (_, context) => {
      const stopped = new Promise((resolve) => context.signal.addEventListener("abort", resolve));
      context.log.info("running", { said: true });
      await stopped;
    };
  `;
  await withSandbox(module, {}, async ({ sandbox, run, said }) => {
    const outcome = run();
    await eventually(() => said().length === 1, { timeout: 30_000 });
    await sandbox.abort(10_000);
    assertEquals(await outcome, { kind: "completed" });
  });
});

Deno.test("what does not stop in the grace is abandoned, and no process is left", async () => {
  await withSandbox(SAY_PID, {}, async ({ sandbox, run, said }) => {
    const outcomes = [run("wait"), run("loop")];
    await eventually(() => said().length === 2, { timeout: 30_000 });
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

Deno.test("there is next to nothing of ours below a handler on the stack, which every error would pay for", async () => {
  const module = `const height = () => new Error().stack.split("\\n").length - 2;
    export default async (_, { log }) => {
      log.info(String(height()), { said: true });
      await null;
      log.info(String(height()), { said: true });
    };`;
  // The handler itself, and while it is synchronous the one that called it.
  await withSandbox(module, {}, async ({ run, said }) => {
    assertEquals((await run()).kind, "completed");
    assertEquals(said(), ["2", "1"]);
  });
});

Deno.test("every line says which message it is of, also where several end at once with a line", async () => {
  // Timers of one moment: each handler goes on, and ends, before the next one does.
  const module = `export default async ({ body }, { log }) => {
      await new Promise((resolve) => setTimeout(resolve, 100));
      log.info(String(body), { said: true });
    };`;
  await withSandbox(module, {}, async ({ sandbox, lines }) => {
    await Promise.all([1, 2, 3, 4, 5].map((body) => {
      const { properties, ...rest } = invocation(new TextEncoder().encode(`${body}`));
      return invoked(sandbox, { ...rest, properties: { ...properties, messageId: `m${body}` } });
    }));
    const said = lines.filter(({ said }) => said === true);
    assertEquals(
      said.map(({ message, messageId }) => [message, messageId]),
      [1, 2, 3, 4, 5].map((body) => [`${body}`, `m${body}`]),
    );
  });
});

/** Keeps its process busy for as long as the body says, in milliseconds, and answers when it has ended. */
const BUSY = `export default ({ body }, { log, deadline }) => {
    log.info(String(Deno.pid), { said: true });
    const left = deadline - Date.now();
    for (const until = performance.now() + body; performance.now() < until;);
    return [left, Date.now()];
  };`;

function busyFor(ms: number): Invocation {
  return { ...invocation(new TextEncoder().encode(`${ms}`)), wantsResult: true };
}

/** What `BUSY` answered: the time that it had when it began, in milliseconds, and when it ended. */
function answerOf(outcome: Outcome): [left: number, ended: number] {
  assert(outcome.kind === "completed", `${outcome.kind}`);
  return JSON.parse(new TextDecoder().decode(outcome.result?.body));
}

Deno.test("what one handler has done does not wait for those beside it that keep the process busy", async () => {
  await withSandbox(BUSY, {}, async ({ sandbox }) => {
    let first = 0;
    const ended = await Promise.all(Array.from({ length: 40 }, async () => {
      const outcome = await invoked(sandbox, busyFor(10));
      first ||= Date.now();
      return answerOf(outcome)[1];
    }));
    assert(first < Math.max(...ended), "the first is known before the last has ended");
  });
});

Deno.test("the time of those that wait for others in a busy process counts from when they begin", async () => {
  const config = { timeout: 400, concurrency: 20 };
  await withSandbox(BUSY, { config, grace: 10_000 }, async ({ sandbox, said }) => {
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => invoked(sandbox, busyFor(60))));
    const left = outcomes.map((outcome) => answerOf(outcome)[0]);
    assert(left.every((each) => each > 350), `${left}`);
    assertEquals([said().length, new Set(said()).size], [20, 1], "each once, in one process");
  });
});

Deno.test("one that overran is killed, and those that waited for it run, though they waited longer than their limit", async () => {
  await withSandbox(BUSY, { config: { timeout: 300, concurrency: 20 } }, async ({ sandbox }) => {
    const quick = Array.from({ length: 5 }, () => invoked(sandbox, busyFor(100)));
    const endless = invoked(sandbox, busyFor(60_000));
    const behind = Array.from({ length: 5 }, () => invoked(sandbox, busyFor(1)));
    assertEquals((await endless).kind, "timedOut");
    for (const outcome of [...quick, ...behind]) answerOf(await outcome);
  });
});

Deno.test("what waits for its turn when the runner stops is given back at once, and none of it runs", async () => {
  await withSandbox(BUSY, { config: { concurrency: 30 } }, async ({ sandbox, said }) => {
    const outcomes = Array.from({ length: 30 }, () => invoked(sandbox, busyFor(30)));
    await outcomes[0];
    await sandbox.abort(60_000);
    const kinds = (await Promise.all(outcomes)).map(({ kind }) => kind);
    const completed = kinds.filter((kind) => kind === "completed").length;
    assertEquals(kinds.filter((kind) => kind === "abandoned").length, 30 - completed);
    assert(completed > 0 && completed < 30, `${completed} completed`);
    assertEquals(said().length, completed);
  });
});

Deno.test("an observer gets how processes end that are still needed, and nothing of those that end in peace", async () => {
  await withSandbox(SAY_PID, { config: { timeout: 300, idle: 1 } }, async ({ sandbox, run, ends }) => {
    assertEquals((await run("fine")).kind, "completed");
    await eventually(() => sandbox.processes === 0);
    assertEquals(ends, []);
    assertEquals([(await run("exit")).kind, ends], ["crashed", ["crashed"]]);
    assertEquals([(await run("loop")).kind, ends], ["timedOut", ["crashed", "timedOut"]]);
  });
});
