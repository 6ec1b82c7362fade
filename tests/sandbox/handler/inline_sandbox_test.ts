import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { WarrenError } from "../../../lib/base/errors.ts";
import { resolveFunctionConfig } from "../../../lib/invocation/definition/function_config.ts";
import type { Logged } from "../../../lib/invocation/insight/ended.ts";
import type { Outcome } from "../../../lib/invocation/outcome.ts";
import { Logger } from "../../../lib/base/log.ts";
import { InlineSandbox } from "../../../lib/sandbox/handler/inline_sandbox.ts";
import { failureOf, invocationOf, reasonOf } from "../../misbehaving/cage.ts";
import { invoked } from "../../support/invoked.ts";

/** A function that runs in this process, and its folder. */
class Inline implements AsyncDisposable {
  readonly lines: Record<string, unknown>[] = [];
  readonly logged: Logged[] = [];
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async make(): Promise<Inline> {
    return new Inline(await Deno.realPath(await Deno.makeTempDir({ prefix: "warren-inline-" })));
  }

  /** A sandbox for a version of the module; without `written`, that version is not the one on disk. */
  async sandbox(
    module: string,
    { version = "1", timeout = 30_000, written = true, helper = "", loadTimeout = 10_000 } = {},
  ): Promise<InlineSandbox> {
    const file = `${this.#folder}/function.ts`;
    if (written) await Deno.writeTextFile(file, module);
    const helpers: [string, string][] = helper ? [[`${this.#folder}/helper.ts`, helper]] : [];
    for (const [path, text] of helpers) await Deno.writeTextFile(path, text);
    return new InlineSandbox({
      definition: resolveFunctionConfig({ isolation: "inline", timeout }, { name: "function", file, version }),
      sources: new Map([[file, module], ...helpers]),
      loadTimeout,
      folder: `${this.#folder}/runner`,
      log: new Logger({ level: "debug", write: (line) => this.lines.push(JSON.parse(line)) }),
      grace: 50,
      observer: { ended: () => {}, logged: (line) => void this.logged.push(line) },
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.#folder, { recursive: true });
  }
}

function run(sandbox: InlineSandbox, body: unknown = null): Promise<Outcome> {
  return invoked(sandbox, { ...invocationOf(body), attempt: 3 });
}

Deno.test("inline, a handler runs in the runner's process, logs and publishes as elsewhere", async () => {
  await using inline = await Inline.make();
  const sandbox = await inline.sandbox(`
    export default async ({ body }, context) => {
      context.log.info("said", { body, pid: Deno.pid });
      await context.publish("x", { routingKey: "q" });
    };`);
  const outcome = await run(sandbox, "hello");
  assert(outcome.kind === "completed");
  const [line] = inline.lines;
  assertEquals(inline.logged.map(({ message, invocations }) => [message, invocations[0].attempt]), [["said", 3]]);
  assertEquals([line.body, line.pid, line.messageId, line.attempt], ["hello", Deno.pid, "m", 3]);
  assertEquals([outcome.outputs?.[0].routingKey, sandbox.processes], ["q", 0]);
});

Deno.test("inline, what a handler throws is how it ended", async () => {
  await using inline = await Inline.make();
  const sandbox = await inline.sandbox(`
    export default ({ body }) => {
      if (body === "reject") throw Object.assign(new Error("never"), { name: "Reject" });
      if (body === "hidden") throw new Proxy({}, { getPrototypeOf() { throw 1; }, get() { throw 1; } });
      throw new RangeError("no");
    };`);
  assertEquals(failureOf(await run(sandbox), "failed").type, "RangeError");
  assertEquals(failureOf(await run(sandbox, "reject"), "rejected").message, "never");
  assertStringIncludes(failureOf(await run(sandbox, "hidden"), "failed").message, "cannot be shown");
});

Deno.test("inline, the signal aborts at the time limit, and after the grace the message timed out", async () => {
  await using inline = await Inline.make();
  const sandbox = await inline.sandbox(
    `
    export default async ({ body }, { signal }) => {
      const aborted = new Promise((go) => signal.addEventListener("abort", go));
      if (body === "never") await new Promise(() => {});
      await aborted;
      if (body === "fail") throw signal.reason;
    };`,
    { timeout: 50 },
  );
  assertEquals((await run(sandbox)).kind, "completed");
  for (const body of ["fail", "never"]) {
    assertEquals(failureOf(await run(sandbox, body), "timedOut").message, "the handler did not settle within 50 ms");
  }
});

Deno.test("inline, a module that did not load is loaded at the next try, with all that it imports", async () => {
  await using inline = await Inline.make();
  const key = `warren${crypto.randomUUID()}`;
  // As where a database is not there yet.
  const comesUp = (tries: number) =>
    `if ((globalThis["${key}"] = (globalThis["${key}"] ?? 0) + 1) < ${tries}) throw new Error("no database");`;
  const helper = `${comesUp(3)} export const answer = 42;`;
  const module = 'import { answer } from "./helper.ts"; export default (_, { log }) => log.info(String(answer));';
  const sandbox = await inline.sandbox(module, { helper });
  for (let tries = 1; tries < 3; tries++) assertStringIncludes(reasonOf(await run(sandbox)), "no database");
  assertEquals((await run(sandbox)).kind, "completed");
  assertEquals(inline.lines.map(({ message }) => message), ["42"]);
  const again = await inline.sandbox(module, { helper });
  assertEquals((await run(again)).kind, "completed");
});

Deno.test("inline, a module that never finishes loading is given up, and so is a check that never ends", async () => {
  await using inline = await Inline.make();
  const key = `warren${crypto.randomUUID()}`;
  const { promise, resolve } = Promise.withResolvers<void>();
  Object.assign(globalThis, { [key]: promise });
  const waiting = await inline.sandbox(`await globalThis["${key}"]; export default () => {};`, { loadTimeout: 50 });
  assertStringIncludes(reasonOf(await run(waiting)), "did not finish loading within 0.05 s");
  resolve();
  const input = '{ "~standard": { version: 1, vendor: "test", validate: () => new Promise(() => {}) } }';
  const module = `export const input = ${input}; export default () => {};`;
  const unchecked = await inline.sandbox(module, { version: "2", loadTimeout: 500 });
  await assertRejects(() => unchecked.validate(invocationOf(1)), WarrenError, "did not look at the message in time");
});

Deno.test("inline, a module that does not load abandons the message, and the next try reads it again", async () => {
  await using inline = await Inline.make();
  const sandbox = await inline.sandbox('throw new Error("no database"); export default 1;');
  const why = /^the module could not be loaded: no database, at file:\S+:1:7$/;
  assertMatch((await assertRejects(() => sandbox.warm(), Error)).message, why);
  assertMatch(reasonOf(await run(sandbox)), why);
  const odd = await inline.sandbox("export default 5;", { version: "2" });
  assertStringIncludes(reasonOf(await run(odd)), "the default export is number");
});

Deno.test("inline, each version is a module of its own, also one that is not on disk any more", async () => {
  await using inline = await Inline.make();
  const versions = ["1", "2", "3"].map((n) => ({
    version: n,
    module: `export default (_, { log }) => log.info("version ${n}");`,
  }));
  for (const { module, version } of versions) await run(await inline.sandbox(module, { version }));
  const [{ module }] = versions;
  await run(await inline.sandbox(module, { version: "1 again", written: false }));
  assertEquals(inline.lines.map(({ message }) => message), ["version 1", "version 2", "version 3", "version 1"]);
});

Deno.test("inline, abort() aborts the signals and abandons what does not stop", async () => {
  await using inline = await Inline.make();
  const sandbox = await inline.sandbox(`
    export default async ({ body }, context) => {
      const stopped = new Promise((go) => body === "stops" && context.signal.addEventListener("abort", go));
      context.log.info("begun");
      await stopped;
    };`);
  await sandbox.warm();
  const outcomes = [run(sandbox, "stops"), run(sandbox, "stays")];
  while (inline.lines.length < 2) await Promise.resolve();
  await sandbox.abort(100);
  assertEquals((await Promise.all(outcomes)).map(({ kind }) => kind), ["completed", "abandoned"]);
  assertStringIncludes(reasonOf(await run(sandbox)), "closed");
});

Deno.test("inline, a sandbox that is closed while the module loads runs nothing any more", async () => {
  await using inline = await Inline.make();
  const sandbox = await inline.sandbox(
    'await new Promise((go) => setTimeout(go, 50)); export default (_, { log }) => log.info("ran");',
  );
  const outcome = run(sandbox);
  await sandbox.close();
  assertEquals((await outcome).kind, "abandoned");
  assert(inline.lines.length === 0);
});

Deno.test("inline, a batch that waits for the module when the sandbox is closed does not run either", async () => {
  await using inline = await Inline.make();
  const sandbox = await inline.sandbox(
    'await new Promise((go) => setTimeout(go, 50)); export default (_, { log }) => log.info("ran");',
  );
  const outcomes = sandbox.invokeBatch([invocationOf("a"), invocationOf("b")]);
  await sandbox.close();
  assertEquals((await outcomes).map(reasonOf), ["the sandbox is closed", "the sandbox is closed"]);
  assertEquals(inline.lines, []);
});
