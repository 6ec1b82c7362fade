import { assertEquals } from "@std/assert";

const EXAMPLES = new URL("../../examples/", import.meta.url);

Deno.test("the tests that the examples bring pass, without a broker", async () => {
  const names = [...Deno.readDirSync(EXAMPLES)].filter(({ isDirectory }) => isDirectory).map(({ name }) => name);
  const results = await Promise.all(names.map(async (name) => {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["task", "test"],
      cwd: new URL(`${name}/`, EXAMPLES),
      env: { NO_COLOR: "1" },
      stdin: "null",
    }).output();
    return {
      name,
      code,
      output: code === 0 ? "" : new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr),
    };
  }));
  assertEquals(results, names.map((name) => ({ name, code: 0, output: "" })));
});
