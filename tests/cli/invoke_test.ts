import { assertEquals, assertStringIncludes } from "@std/assert";
import { folder } from "../loader/folder.ts";
import { taskArguments } from "../support/command_lines.ts";
import { TextLineStream } from "../support/text_lines.ts";
import { runMain } from "./run_command.ts";

const FUNCTIONS = {
  "pay.ts": `import { Reject } from "warren";
    export const config = { output: "paid", retry: ["1m"], permissions: { env: ["PAY_KEY"] } };
    export default async ({ body, headers, attempt, properties }, context) => {
      context.log.info("paying", { amount: body.amount });
      if (body.amount < 0) throw new Reject("negative");
      if (body.amount === 0) await Deno.readTextFile("/etc/hostname");
      await context.publish("receipt", { routingKey: "mail", delay: "2m" });
      await context.once("charge", () => 1);
      return { ...body, tag: headers.tag, attempt, id: properties.messageId };
    };`,
};

async function invoke(args: string[]) {
  await using functions = await folder(FUNCTIONS);
  return await runMain(["invoke", ...args], { FUNCTIONS_DIR: functions.path });
}

Deno.test("invoke prints what a function logs, returns and publishes, and what would become of the message", async () => {
  const { code, stdout, stderr } = await invoke(["pay", '{"amount":5}', "--header", "tag=x", "--message-id", "m1"]);
  assertEquals(code, 0, stderr);
  assertStringIncludes(stderr, '"message":"paying"');
  for (
    const text of [
      "completed after",
      'result     {"amount":5,"tag":"x","attempt":1,"id":"m1"}',
      "publishes  to queue mail after 2m: receipt",
      'publishes  to queue paid: {"amount":5',
      "once       charge",
      "then       the message would be acknowledged",
    ]
  ) assertStringIncludes(stdout, text);
});

Deno.test("invoke runs with the permissions of the function, and its exit code tells how it ended", async () => {
  const denied = await invoke(["pay", '{"amount":0}']);
  assertEquals(denied.code, 1);
  assertStringIncludes(denied.stdout, "NotCapable");
  assertStringIncludes(denied.stdout, "would run again in 1m, as attempt 2");
  const last = await invoke(["pay", '{"amount":0}', "--attempt", "2"]);
  assertStringIncludes(last.stdout, "would go to pay.dead (failed)");
  const rejected = await invoke(["pay", '{"amount":-1}', "--json"]);
  assertEquals(rejected.code, 3);
  const report = JSON.parse(rejected.stdout);
  assertEquals([report.outcome, report.error.message, report.logs.length], ["rejected", "negative", 1]);
});

Deno.test("invoke says what is wrong with its arguments", async () => {
  const cases: [args: string[], code: number, text: string][] = [
    [[], 2, "invoke needs a function"],
    [["pay", "1", "2"], 2, '"2" is one too many'],
    [["pay", "1", "--attempt", "0"], 2, "--attempt: expected a number from 1"],
    [["pay", "@/nowhere/body.json"], 2, "/nowhere/body.json"],
    [["pray", "1"], 1, 'did you mean "pay"?'],
  ];
  for (const [args, expected, text] of cases) {
    const { code, stderr } = await invoke(args);
    assertEquals(code, expected, stderr);
    assertStringIncludes(stderr, text);
  }
});

Deno.test("invoke --watch runs again at each save, also after one that is broken", async () => {
  await using functions = await folder({ "echo.ts": `export default () => "one";` });
  const child = new Deno.Command(Deno.execPath(), {
    args: taskArguments(["invoke", "echo", "1", "--watch"]),
    env: { FUNCTIONS_DIR: functions.path, LOG_LEVEL: "silent" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const read = (stream: ReadableStream<Uint8Array>) =>
    stream.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream())[Symbol.asyncIterator]();
  const [out, err] = [read(child.stdout), read(child.stderr)];
  const until = async (lines: AsyncIterator<string>, text: string) => {
    for (let line = await lines.next(); !line.done; line = await lines.next()) if (line.value.includes(text)) return;
    throw new Error(`the output ended before "${text}"`);
  };
  try {
    await until(out, "result     one");
    await until(err, "waiting for changes");
    await Deno.writeTextFile(`${functions.path}/echo.ts`, "export default (");
    await until(err, "echo.ts");
    await until(err, "waiting for changes");
    await Deno.writeTextFile(`${functions.path}/echo.ts`, `export default () => "two";`);
    await until(out, "result     two");
    child.kill("SIGTERM");
    assertEquals((await child.status).code, 0);
  } finally {
    await Promise.all([out.return?.(), err.return?.()]);
    if (child.pid) {
      try {
        child.kill("SIGKILL");
      } catch { /* it ended */ }
    }
    await child.status;
  }
});
