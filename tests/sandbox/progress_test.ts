import { assertEquals } from "@std/assert";
import type { Outcome } from "../../lib/invocation/outcome.ts";
import { Cage, failureOf, invocationOf } from "../misbehaving/cage.ts";

/** A function in each kind of sandbox, and what it told of each message, by its id. */
function progressTest(
  name: string,
  handler: string,
  fn: (cage: Cage, told: unknown[]) => Promise<void>,
  config: Record<string, unknown> = {},
) {
  for (const isolation of ["process", "inline"]) {
    Deno.test(`${isolation}: ${name}`, async () => {
      const told: unknown[] = [];
      const observer = {
        ended: () => {},
        progressed: (_: unknown, { properties }: { properties: { messageId?: string } }, value: unknown) => {
          told.push([properties.messageId, value]);
        },
      };
      const module = `export default ${handler};`;
      await using cage = await Cage.make(module, { config: { isolation, ...config }, observer });
      await fn(cage, told);
    });
  }
}

const COUNTING = `(message, context) => {
  for (let step = 1; step <= 3; step++) context.progress({ step });
  return "returned";
}`;

/** Runs it followed, from its start on. */
function followed({ sandbox }: Cage, body: unknown = null): Promise<Outcome> {
  const invocation = invocationOf(body);
  return new Promise((resolve) => {
    sandbox.invoke(invocation, resolve, undefined);
    sandbox.follow!(invocation);
  });
}

progressTest("what is followed tells how far it is, and what it returned", COUNTING, async (cage, told) => {
  await cage.run();
  assertEquals(told, []);
  const outcome = await followed(cage);
  assertEquals(told.at(-1), ["m", { step: 3 }]);
  const result = outcome.kind === "completed" ? outcome.result : undefined;
  assertEquals(new TextDecoder().decode(result?.body), "returned");
});

const WRONG = `({ body }, context) => context.progress(body === "none" ? undefined : "x".repeat(20_000))`;

progressTest("what is not JSON, or too large, fails the handler", WRONG, async (cage) => {
  assertEquals(failureOf(await cage.run("none"), "failed").type, "TypeError");
  assertEquals(failureOf(await cage.run("large"), "failed").type, "RangeError");
});

const BATCH = `(messages, context) => {
  for (const message of messages) message.progress(message.body);
  try { context.progress(1); } catch (error) { messages[1].progress(error.name); }
}`;

progressTest("in a batch each message tells by itself", BATCH, async ({ sandbox }, told) => {
  const batch = ["a", "b"].map((messageId) => ({ ...invocationOf(messageId), properties: { messageId } }));
  const outcomes = sandbox.invokeBatch(batch);
  for (const invocation of batch) sandbox.follow!(invocation);
  await outcomes;
  assertEquals(Object.fromEntries(told as [string, unknown][]), { a: '"a"', b: "TypeError" });
}, { batch: { size: 2 } });
