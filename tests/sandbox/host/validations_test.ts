import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { WarrenError } from "../../../lib/base/errors.ts";
import { alive, Cage, invocationOf } from "../../misbehaving/cage.ts";
import { eventually } from "../../support/eventually.ts";

/** A schema whose check of a text is this statement. */
function checking(statement: string): string {
  return `
    export const input = {
      "~standard": { version: 1, vendor: "test", validate(value) { ${statement}; return { value }; } },
    };
    export default ({ body }, { log }) => log.info(String(Deno.pid), { said: true, body });`;
}

Deno.test("a check while the process still starts ends at its limit, and nothing of it rejects unheard", async () => {
  const unheard: unknown[] = [];
  const listen = (event: PromiseRejectionEvent) => {
    event.preventDefault();
    unheard.push(event.reason);
  };
  globalThis.addEventListener("unhandledrejection", listen);
  try {
    for (const module of ["for (;;); export default () => {};", 'throw new Error("no database");']) {
      await using cage = await Cage.make(module, { validationLimit: 300 });
      const error = await assertRejects(() => cage.sandbox.validate(invocationOf(1)), WarrenError) as WarrenError;
      assertEquals(error.code, "unavailable");
    }
    await new Promise((resolve) => setTimeout(resolve, 0));
    assertEquals(unheard, []);
  } finally {
    globalThis.removeEventListener("unhandledrejection", listen);
  }
});

Deno.test("a check ends when its process ends, and when the sandbox is closed", async () => {
  await using cage = await Cage.make(checking('if (value === "exit") Deno.exit(3)'));
  const ended = await assertRejects(() => cage.sandbox.validate(invocationOf("exit")), WarrenError) as WarrenError;
  assertStringIncludes(ended.message, "the function's process ended: it exited with code 3");
  await using closing = await Cage.make(checking(""));
  const asked = closing.sandbox.validate(invocationOf("x"));
  const rejected = assertRejects(() => asked, WarrenError) as Promise<WarrenError>;
  await closing.sandbox.close();
  assertStringIncludes((await rejected).message, "closed");
  const late = await assertRejects(() => closing.sandbox.validate(invocationOf("x")), WarrenError) as WarrenError;
  assertEquals(late.message, "the sandbox is closed");
});

Deno.test("a process that is stuck in a check is ended, and the next message runs in another", async () => {
  await using cage = await Cage.make(checking('if (value === "stuck") for (;;)'), { validationLimit: 500 });
  assertEquals((await cage.run("first")).kind, "completed");
  const error = await assertRejects(() => cage.sandbox.validate(invocationOf("stuck")), WarrenError) as WarrenError;
  assertEquals(error.message, "the function did not look at the message in time");
  await eventually(() => !alive(Number(cage.said[0])));
  assertEquals((await cage.run("second")).kind, "completed");
});

Deno.test("a process that answers no check, and is not stuck, lives on", async () => {
  const statement = 'if (value === "never") return new Promise(() => {})';
  await using cage = await Cage.make(checking(statement), { validationLimit: 300, grace: 50 });
  assertEquals((await cage.run("first")).kind, "completed");
  await assertRejects(() => cage.sandbox.validate(invocationOf("never")), WarrenError);
  assertEquals((await cage.run("second")).kind, "completed");
  const [first, second] = cage.said;
  assertEquals(first, second);
});
