import { assert, assertEquals, assertMatch } from "@std/assert";
import { OutputBudget, readLines } from "../../../lib/sandbox/process/output.ts";
import { alive, Cage } from "../../misbehaving/cage.ts";
import { eventually } from "../../support/eventually.ts";

async function linesOf(...chunks: (string | Uint8Array)[]): Promise<string[]> {
  const lines: string[] = [];
  const bytes = chunks.map((chunk) => typeof chunk === "string" ? new TextEncoder().encode(chunk) : chunk);
  await readLines(ReadableStream.from(bytes), new OutputBudget(), (line) => lines.push(line));
  return lines;
}

Deno.test("lines are lines, however they come, the last one without an end too", async () => {
  assertEquals(await linesOf("a\nb", "c\n\nd"), ["a", "bc", "", "d"]);
  assertEquals(await linesOf(), []);
  assertEquals(await linesOf("a\n"), ["a"]);
});

Deno.test("a character that comes in two pieces is one, and what is no text is replaced", async () => {
  const euro = new TextEncoder().encode("€");
  assertEquals(await linesOf(euro.slice(0, 1), euro.slice(1), "\n"), ["€"]);
  assertEquals(await linesOf(new Uint8Array([0xff, 10])), ["\ufffd"]);
});

Deno.test("a line without end is cut, and the rest of it is left out", async () => {
  const [line, next, ...more] = await linesOf("x".repeat(9_000), "y".repeat(9_000), "z\nnext\n");
  assertEquals([line.length, line.at(-1), next, more.length], [8_193, "…", "next", 0]);
  assertEquals((await linesOf(`${"x".repeat(9_000)}\n`))[0].length, 8_193);
});

Deno.test("there is room for 500 lines in a second; more are counted, until somebody asks", async () => {
  const budget = new OutputBudget();
  const taken = Array.from({ length: 700 }, () => budget.line()).filter(Boolean).length;
  assertEquals([taken, budget.fresh, budget.takeDropped(), budget.takeDropped()], [500, false, 200, 0]);
  await eventually(() => budget.fresh);
  assert(budget.line());
});

Deno.test("after a megabyte in a second there is a pause until the next", () => {
  const budget = new OutputBudget();
  assertEquals(budget.bytes(1_000_000), 0);
  const pause = budget.bytes(100_000);
  assert(pause > 0 && pause <= 1_000, `${pause}`);
});

Deno.test("a flood is cut, and how much was dropped is told with the next line", async () => {
  const module = `
    export default ({ body }) => {
      for (let i = 0; i < body; i++) console.log("line " + i);
    };`;
  await using cage = await Cage.make(module);
  await cage.run(2_000);
  await eventually(() => cage.lines.length >= 500);
  const { message } = await eventually(async () => {
    await cage.run(1);
    return cage.line("were dropped");
  });
  assertMatch(String(message), /^\d+ lines were dropped: the function logs more than the runner accepts$/);
  assertEquals(cage.line("line 1999"), undefined);
});

Deno.test("what was dropped is told at the end of the process at the latest", async () => {
  const module = 'export default (_, { log }) => { for (let i = 0; i < 2_000; i++) log.info("line " + i); };';
  await using cage = await Cage.make(module, { config: { idle: 0 } });
  await cage.run();
  await eventually(() => cage.line("1500 lines were dropped"));
});

Deno.test("a process whose output is held open by what it started is over all the same", async () => {
  const module = `
    export default ({ body }) => {
      if (body !== "exit") return;
      const { pid } = new Deno.Command("/bin/sleep", { args: ["60"], stdout: "inherit", stderr: "inherit" }).spawn();
      console.log("asleep " + pid);
      Deno.exit(4);
    };`;
  await using cage = await Cage.make(module, { config: { permissions: { run: ["/bin/sleep"] } } });
  assertEquals((await cage.run("exit")).kind, "crashed");
  const pid = Number(/\d+/.exec(String(cage.line("asleep")?.message)));
  assert(alive(pid), "what holds the output is over too");
  Deno.kill(pid, "SIGKILL");
  assertEquals((await cage.run()).kind, "completed");
});

Deno.test("an error that nothing catches, after its handler's end, is one ERROR entry with its stack", async () => {
  const module = `
    export default ({ body }) => {
      if (body === "timer") setTimeout(() => { throw new TypeError("too late"); }, 0);
      if (body === "promise") setTimeout(() => Promise.reject(new TypeError("too late")), 0);
    };`;
  for (
    const [body, message] of [["timer", "uncaught TypeError: too late"], ["promise", "unhandled rejection: too late"]]
  ) {
    await using cage = await Cage.make(module);
    assertEquals(await cage.run(body), { kind: "completed" });
    await eventually(() => cage.line(message));
    if (body === "timer") await eventually(() => cage.line("the function's process ended"));
    const about = cage.lines.filter((line) => JSON.stringify(line).includes("too late") && !("reason" in line));
    assertEquals(about.map(({ level, message, stream }) => [level, message, stream]), [["error", message, undefined]]);
    assertMatch(String(about[0].stack), /^TypeError: too late\n +at .*function\.ts:/);
    assertEquals(cage.lines.filter(({ stream }) => stream === "stderr"), []);
  }
});

Deno.test("an error that the module's own listener handles ends nothing", async () => {
  const module = `
    globalThis.addEventListener("error", (event) => event.preventDefault());
    export default async ({ body }) => {
      if (body === "throw") setTimeout(() => { throw new Error("handled"); }, 0);
      await new Promise((resolve) => setTimeout(resolve, 10));
    };`;
  await using cage = await Cage.make(module);
  assertEquals(await cage.run("throw"), { kind: "completed" });
  assertEquals(await cage.run("next"), { kind: "completed" });
  assertEquals([cage.line("uncaught"), cage.line("the function's process ended")], [undefined, undefined]);
});
