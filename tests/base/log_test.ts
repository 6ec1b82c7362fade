import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Logger, type LoggerOptions, type LogLevel } from "../../lib/base/log.ts";

/** A logger that keeps its lines. */
function kept(options: LoggerOptions = {}) {
  const lines: string[] = [];
  return { lines, log: new Logger({ ...options, write: (line) => lines.push(line) }) };
}

/** What a line that was not forged cannot look like: a break and then a time and a level. */
const FORGED = "ok\n12:00:00 ERROR forged\r\n12:00:00 ERROR forged\rforged\x1b[2Jforged";

Deno.test("a level says itself and what is worse", () => {
  const said = (level: LogLevel) => {
    const { log, lines } = kept({ level });
    log.debug("debug");
    log.info("info");
    log.warn("warn");
    log.error("error");
    log.log("silent", "silent");
    return lines.map((line) => JSON.parse(line).message);
  };
  assertEquals(said("debug"), ["debug", "info", "warn", "error"]);
  assertEquals(said("warn"), ["warn", "error"]);
  assertEquals(said("silent"), []);
});

Deno.test("a JSON line has its time, level, message and fields, those of its parents too", () => {
  const { log, lines } = kept();
  log.child({ function: "hello", attempt: 1 }).info("done", { attempt: 2, size: 3n });
  const { time, ...rest } = JSON.parse(lines[0]);
  assert(!Number.isNaN(Date.parse(time)));
  assertEquals(rest, { level: "info", message: "done", function: "hello", attempt: 1, size: "3" });
});

Deno.test("no field replaces the time, the level or the message", () => {
  const { log, lines } = kept();
  log.info("real", { level: "error", message: "forged", time: "never" });
  const line = JSON.parse(lines[0]);
  assertEquals([line.level, line.message, line.time === "never"], ["info", "real", false]);
});

Deno.test("JSON is one line, whatever is in it", () => {
  const { log, lines } = kept();
  log.child({ [FORGED]: FORGED }).info(FORGED, { deep: { [FORGED]: [FORGED] } });
  const circular: Record<string, unknown> = { text: FORGED };
  circular.self = circular;
  log.info(FORGED, circular);
  for (const line of lines) {
    for (const control of ["\r", "\n", "\x1b"]) assert(!line.includes(control), line);
    assertEquals(JSON.parse(line).message, FORGED);
  }
});

Deno.test("text has no line that a message, a key or a value made up", () => {
  const { log, lines } = kept({ format: "text" });
  log.info(FORGED);
  log.info("value", { field: FORGED, deep: { text: FORGED } });
  log.info("key", { [FORGED]: 1 });
  for (const line of lines) {
    const [, ...more] = line.split("\n");
    for (const part of more) assert(part.startsWith(" "), line);
    assert(!line.includes("\r") && !line.includes("\x1b"), line);
  }
});

Deno.test("text shows the level, the message and the fields, quoted where they need it", () => {
  const { log, lines } = kept({ format: "text" });
  log.warn("slow", { function: "hello", why: "it sleeps", nothing: undefined, count: 2 });
  assertStringIncludes(lines[0], 'WARN  slow function=hello why="it sleeps" count=2');
});

Deno.test("a list of texts has each of them as it would stand alone", () => {
  const { log, lines } = kept({ format: "text" });
  log.info("lost", { ids: ["a-1", "and 3 more", "x\ny"], none: [], mixed: [1] });
  assertStringIncludes(lines[0], 'ids=[a-1 "and 3 more" "x\\ny"] none=[] mixed="[ 1 ]"');
});

Deno.test("color is there only when it is asked for", () => {
  const { log, lines } = kept({ format: "text", color: true });
  log.error("red");
  assertStringIncludes(lines[0], "\x1b[31mERROR");
});

Deno.test("a long value is cut, and the JSON line can still be read", () => {
  const { log, lines } = kept();
  log.info("x".repeat(100_000), { value: "y".repeat(100_000) });
  assert(lines[0].length < 20_000);
  assert(JSON.parse(lines[0]).value.endsWith("y…"));
});

Deno.test("many long values are cut too, and the JSON line can still be read", () => {
  const { log, lines } = kept();
  log.info("many", Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`key${index}`, "z".repeat(4_000)])));
  assert(lines[0].length < 20_000);
  assertEquals(JSON.parse(lines[0]).message, "many");
});

Deno.test("a text line is cut as well", () => {
  const { log, lines } = kept({ format: "text" });
  log.info("x".repeat(100_000));
  assert(lines[0].length < 20_000);
});

Deno.test("a logger that cannot write ends nothing", () => {
  const log = new Logger({
    write: () => {
      throw new Deno.errors.BrokenPipe();
    },
  });
  log.error("nobody hears this");
});

Deno.test("a bound field wins over one of the line: a function cannot log as another", () => {
  const lines: string[] = [];
  const log = new Logger({ format: "json", write: (line) => void lines.push(line) }, { function: "mine" });
  log.info("hello", { function: "yours" });
  assertEquals(JSON.parse(lines[0]).function, "mine");
});

Deno.test("a stack stands below its line in text, indented", () => {
  const lines: string[] = [];
  const log = new Logger({ format: "text", write: (line) => void lines.push(line) });
  log.warn("failed", { stack: "Error: boom\n12:00:00 ERROR forged" });
  assertEquals(lines[0].split("\n").slice(1), ["         Error: boom", "         12:00:00 ERROR forged"]);
});
