import { assertEquals } from "@std/assert";
import { TextLineStream } from "../support/text_lines.ts";

Deno.test("a benchmark that is interrupted ends with 130, and leaves no folder and no process", async () => {
  const folder = await Deno.makeTempDir({ prefix: "warren-interrupt-" });
  try {
    const bench = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "bench/main.ts", "soak", "--minutes", "5"],
      env: { TMPDIR: folder },
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    const lines: string[] = [];
    for await (const line of bench.stderr.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream())) {
      lines.push(line);
      // By the first sample there are queues, a broker and a runner.
      if (line.startsWith("bench: soak, 10 s")) bench.kill("SIGINT");
    }

    assertEquals((await bench.status).code, 130);
    assertEquals(lines[2], "bench: interrupted; deleting its queues and folders");
    assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name), []);
    assertEquals(await commandsWith(folder), []);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

/** Command lines of processes that have the text in them. */
async function commandsWith(text: string): Promise<string[]> {
  const all = [...Deno.readDirSync("/proc")].filter(({ name }) => /^\d+$/.test(name));
  const commands = await Promise.all(all.map(({ name }) => Deno.readTextFile(`/proc/${name}/cmdline`).catch(() => "")));
  return commands.filter((command) => command.includes(text));
}
