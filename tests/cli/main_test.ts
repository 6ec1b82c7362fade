import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import project from "../../deno.json" with { type: "json" };
import { runMain } from "./run_command.ts";

Deno.test("--version prints the version of deno.json", async () => {
  assertEquals(await runMain(["--version"]), { code: 0, stdout: `warren ${project.version}\n`, stderr: "" });
});

Deno.test("help helps even where the environment is wrong", async () => {
  const { code, stdout } = await runMain(["help"], { PORT: "wrong" });
  assertEquals(code, 0);
  assertStringIncludes(stdout, "Commands:");
  const commands = Object.entries(project.tasks).filter(([name, { command }]) => command.endsWith(` main.ts ${name}`));
  const tasks = commands.map(([name]) => name);
  const [, usage] = /^usage: deno task (.*), or main.ts/m.exec(stdout) ?? [];
  assertEquals(usage?.split(" | ").sort(), tasks.sort());
});

Deno.test("COMMAND --help explains the command, whatever else was typed", async () => {
  const { code, stdout } = await runMain(["publish", "--exchange", "x", "--help"]);
  assertEquals(code, 0);
  assertMatch(stdout, /^publish: /);
});

Deno.test("what was typed wrong is one line on standard error, without colours, and exit code 2", async () => {
  const wrong: [args: string[], env: Record<string, string>, message: string][] = [
    [["strat"], {}, 'unknown command "strat"; did you mean start?'],
    [["start", "--prot", "1"], {}, "unknown flag --prot; did you mean --port?"],
    [["start"], { PORT: "wrong" }, 'PORT: expected a port from 0 to 65535, found "wrong"'],
    [["--watch", "check"], {}, 'start takes no arguments, found "check"; commands come before flags'],
  ];
  for (const [args, env, message] of wrong) {
    assertEquals(await runMain(args, env), { code: 2, stdout: "", stderr: `warren: ${message}\n` });
  }
});

Deno.test("a URL that is wrong ends the start with 2, and no command shows its password", async () => {
  const urls = ["amqp:guest:hunter2@host", "amqp://guest:hunter2%@host", "amqp://guest:12/hunter2@host"];
  for (const url of urls) {
    for (const command of ["start", "check"]) {
      const { code, stdout, stderr } = await runMain([command], { AMQP_URL: url });
      assertEquals([code, stdout], [2, ""]);
      assertMatch(
        stderr,
        /^warren: AMQP_URL: the .*(?:; expected amqp:|% is %25. Expected amqp:|percent-encode it as %25\n$)/,
      );
      assert(!stderr.includes("hunter2"), stderr);
    }
    const typed = await runMain([url]);
    assertEquals(typed.code, 2);
    assert(!typed.stderr.includes("hunter2"), typed.stderr);
  }
});

Deno.test("start beyond loopback without a token ends at once with the mend", async () => {
  const { code, stderr } = await runMain(["start"], { HOST: "0.0.0.0" });
  assertEquals(code, 2);
  assertStringIncludes(stderr, "set API_TOKEN");
});

Deno.test("publish to a broker that is not there ends with 1, says which, and shows no password", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const { code, stdout, stderr } = await runMain(["publish", "hello", "0"], {
    AMQP_URL: `amqp://user:hunter2@127.0.0.1:${port}`,
  });
  assertEquals([code, stdout], [1, ""]);
  assertStringIncludes(stderr, `127.0.0.1:${port}`);
  assert(!stderr.includes("hunter2"));
});
