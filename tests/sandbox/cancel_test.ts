import { assertEquals } from "@std/assert";
import type { Isolation } from "../../lib/invocation/definition/definition.ts";
import { Cage, failureOf, invocationOf, reasonOf } from "../misbehaving/cage.ts";
import { eventually } from "../support/eventually.ts";
import { invoked } from "../support/invoked.ts";

/** Says that it began, and ends with its signal: it throws the reason, or returns where the body says so. */
const MODULE = `
  export default async ({ body }, { signal, log }) => {
    log.info(body, { said: true });
    const reason = await new Promise((go) => signal.addEventListener("abort", () => go(signal.reason)));
    if (body !== "completes") throw reason;
  };`;
const BATCH = MODULE.replace("({ body }, ", "([{ body }], ");

for (const isolation of ["process", "inline"] as Isolation[]) {
  Deno.test(`${isolation}: who is cancelled hears why, ends as it likes, and its neighbours run on`, async () => {
    await using cage = await Cage.make(MODULE, { config: { isolation } });
    const [fails, completes, stays] = ["fails", "completes", "stays"].map(invocationOf);
    const ended = [fails, completes].map((invocation) => invoked(cage.sandbox, invocation));
    let over = false;
    const staying = invoked(cage.sandbox, stays).finally(() => over = true);
    await eventually(() => cage.said.length === 3);

    cage.sandbox.cancel([fails, completes], "the broker took the message back");

    assertEquals(failureOf(await ended[0], "failed").message, "the broker took the message back");
    assertEquals((await ended[1]).kind, "completed");
    assertEquals(over, false);
    cage.sandbox.cancel([stays], "the end");
    assertEquals(failureOf(await staying, "failed").message, "the end");
  });

  Deno.test(`${isolation}: a batch is cancelled as one`, async () => {
    await using cage = await Cage.make(BATCH, { config: { isolation, batch: { size: 2 } } });
    const batch = ["fails", "too"].map(invocationOf);
    const ended = cage.sandbox.invokeBatch(batch);
    await eventually(() => cage.said.length === 1);
    cage.sandbox.cancel(batch, "gone");
    assertEquals((await ended).map((outcome) => failureOf(outcome, "failed").message), ["gone", "gone"]);
  });
}

for (const isolation of ["process", "inline"] as Isolation[]) {
  Deno.test(`${isolation}: who is cancelled while the module loads never begins`, async () => {
    await using cage = await Cage.make(MODULE, { config: { isolation } });
    const invocation = invocationOf("x");
    const ended = invoked(cage.sandbox, invocation);
    cage.sandbox.cancel([invocation], "gone");
    assertEquals(reasonOf(await ended), "it was cancelled before the handler began");
    assertEquals(cage.said, []);
  });
}

Deno.test("who is cancelled in a process that ends does not run again", async () => {
  await using cage = await Cage.make(`
    export default async ({ body }, { signal, log }) => {
      log.info(body, { said: true });
      await new Promise((go) => signal.addEventListener("abort", go));
      if (body === "exit") Deno.exit(3);
      await new Promise(() => {});
    };`);
  const [exit, beside] = ["exit", "beside"].map(invocationOf);
  const ended = [exit, beside].map((invocation) => invoked(cage.sandbox, invocation));
  await eventually(() => cage.said.length === 2);
  cage.sandbox.cancel([exit, beside], "gone");
  assertEquals((await Promise.all(ended)).map(({ kind }) => kind), ["abandoned", "abandoned"]);
  assertEquals(cage.said.length, 2);
});
