import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { eventually } from "../support/eventually.ts";
import { Cage, failureOf } from "./cage.ts";

/** Says which message begins in which process; "loop" and "exit" do what they say once all have begun. */
const CROWD = `
  export default async ({ body }, context) => {
    context.log.info(body + " " + Deno.pid, { said: true });
    await new Promise((go) => setTimeout(go, 5));
    if (body === "loop") setTimeout(() => { for (;;); }, 30);
    if (body === "exit") setTimeout(() => Deno.exit(3), 30);
    await new Promise((go) => setTimeout(go, 80));
    if (body === "loop") await new Promise(() => {});
  };`;
const INNOCENT = ["a", "b", "c", "d", "e", "f", "g", "h", "i"];

/** Runs them all side by side in one process. */
async function crowd(bodies: string[], timeout: number): Promise<{ kinds: string[]; begun: string[][]; cage: Cage }> {
  const cage = await Cage.make(CROWD, { config: { timeout } });
  await cage.sandbox.warm();
  const outcomes = await Promise.all(bodies.map((body) => cage.run(body)));
  return { cage, kinds: outcomes.map(({ kind }) => kind), begun: cage.said.map((line) => line.split(" ")) };
}

function timesOf(begun: string[][], body: string): number {
  return begun.filter(([name]) => name === body).length;
}

Deno.test("of ten in a process one loops: nine complete and lose no attempt, and one timed out", async () => {
  const { cage, kinds, begun } = await crowd([...INNOCENT, "loop"], 600);
  await using _ = cage;
  assertEquals(kinds, [...INNOCENT.map(() => "completed"), "timedOut"]);
  assertEquals(timesOf(begun, "loop"), 2);
  for (const body of INNOCENT) assertEquals(timesOf(begun, body), 2, body);
});

Deno.test("of ten in a process one ends it: nine complete and lose no attempt, and one crashed", async () => {
  const { cage, kinds, begun } = await crowd([...INNOCENT, "exit"], 30_000);
  await using _ = cage;
  assertEquals(kinds, [...INNOCENT.map(() => "completed"), "crashed"]);
  const [, first] = begun[0];
  const alone = begun.filter(([, pid]) => pid !== first).map(([name]) => name);
  assertEquals(alone, [...INNOCENT, "exit"], "one by one, in their order");
});

Deno.test("the guilty one is found wherever it stands, and several are", async () => {
  const { cage, kinds } = await crowd(["exit", "a", "exit", "b"], 30_000);
  await using _ = cage;
  assertEquals(kinds, ["crashed", "completed", "crashed", "completed"]);
});

Deno.test("one that is alone in its process is guilty at once", async () => {
  const { cage, kinds, begun } = await crowd(["exit"], 30_000);
  await using _ = cage;
  assertEquals([kinds, begun.length], [["crashed"], 1]);
});

Deno.test("slow ones in a process that still answers are each over their own limit, and run once", async () => {
  const module = `
    export default async ({ body }, context) => {
      context.log.info(body, { said: true });
      await new Promise(() => {});
    };`;
  await using cage = await Cage.make(module, { config: { timeout: 400 } });
  await cage.sandbox.warm();
  const outcomes = await Promise.all(["a", "b", "c"].map((body) => cage.run(body)));
  assertEquals(outcomes.map(({ kind }) => kind), ["timedOut", "timedOut", "timedOut"]);
  assertEquals(cage.said, ["a", "b", "c"]);
});

Deno.test("messages that come while suspects are tried do not wait for them", async () => {
  await using cage = await Cage.make(CROWD, { config: { timeout: 600 } });
  await cage.sandbox.warm();
  let ended = 0;
  const suspects = ["loop", "loop"].map((body) => cage.run(body).finally(() => ended++));
  await eventually(() => cage.said.length > 2, { timeout: 30_000, what: "a suspect that runs alone" });
  assertEquals((await cage.run("newcomer")).kind, "completed");
  assert(ended < 2, "it waited until all suspects had been tried");
  assertEquals((await Promise.all(suspects)).map(({ kind }) => kind), ["timedOut", "timedOut"]);
  await eventually(() => cage.sandbox.processes === 1);
});

Deno.test("a sandbox that is closed while suspects are tried leaves no process", async () => {
  const { promise: closed, resolve: close } = Promise.withResolvers<void>();
  await using cage = await Cage.make(CROWD, { config: { timeout: 30_000 } });
  const outcomes = Promise.all(["exit", "a", "b"].map((body) => cage.run(body)));
  await eventually(() => cage.said.length > 3, { timeout: 30_000 });
  void cage.sandbox.close().then(close);
  const kinds = (await outcomes).map(({ kind }) => kind);
  assert(kinds.includes("abandoned"), kinds.join());
  await closed;
  assertEquals(cage.sandbox.processes, 0);
});

Deno.test("what a message publishes that is no data fails that message alone", async () => {
  const module = `
    export default ({ body }, context) => context.publish("x", {
      routingKey: "q", headers: body === "odd" ? { call() {} } : {},
    });`;
  await using cage = await Cage.make(module);
  await cage.sandbox.warm();
  const outcomes = await Promise.all(["a", "odd", "b"].map((body) => cage.run(body)));
  assertEquals(outcomes.map(({ kind }) => kind), ["completed", "failed", "completed"]);
  assertStringIncludes(failureOf(outcomes[1], "failed").message, "could not be cloned");
});
