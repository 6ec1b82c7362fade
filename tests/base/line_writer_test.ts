import { assert, assertEquals } from "@std/assert";
import { LineWriter } from "../../lib/base/line_writer.ts";

const decoder = new TextDecoder();

Deno.test("lines of one turn are written at once, before anything else happens", async () => {
  const written: string[] = [];
  const writer = new LineWriter((bytes) => {
    written.push(decoder.decode(bytes));
    return bytes.length;
  });
  for (const line of ["one", "two"]) writer.line(line);
  assertEquals(written, []);
  await null;
  assertEquals(written, ["one\ntwo\n"]);
  writer.line("three");
  await null;
  assertEquals(written, ["one\ntwo\n", "three\n"]);
});

Deno.test("many lines do not wait for the turn to end, and what is taken in parts is written whole", async () => {
  let written = "";
  const writer = new LineWriter((bytes) => {
    written += decoder.decode(bytes.subarray(0, 1_000));
    return Math.min(1_000, bytes.length);
  });
  const lines = Array.from({ length: 2_000 }, (_, n) => `${n}`.padStart(60, "0"));
  for (const line of lines) writer.line(line);
  assert(written.length > 0);
  await null;
  assertEquals(written, `${lines.join("\n")}\n`);
});

Deno.test("a closed terminal ends nothing", async () => {
  let tries = 0;
  const writer = new LineWriter(() => {
    tries++;
    throw new Error("closed");
  });
  writer.line("lost");
  await null;
  writer.line("lost");
  await null;
  assertEquals(tries, 2);
});

Deno.test("a line right before the end of the process is written", async () => {
  const log = new URL("../../lib/base/log.ts", import.meta.url).href;
  const script = `import { Logger } from ${JSON.stringify(log)}; new Logger().info("last words"); Deno.exit(3);`;
  const args = ["run", "-A", "--no-config", `data:application/typescript,${encodeURIComponent(script)}`];
  const { stderr, code } = await new Deno.Command(Deno.execPath(), { args }).output();
  assertEquals([code, decoder.decode(stderr).includes("last words")], [3, true]);
});
