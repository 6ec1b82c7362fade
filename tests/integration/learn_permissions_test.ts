import { assertEquals } from "@std/assert";
import { folder } from "../loader/folder.ts";
import { post, startServing } from "../support/serving.ts";

const FUNCTION = `export default async () => {
  await Deno.readTextFile("/etc/hostname").catch(() => {});
  return Deno.env.get("MAIL_HOST");
};`;

Deno.test("start --learn-permissions logs what each function asks for, and at the end the line for its config", async () => {
  await using functions = await folder({ "curious.ts": FUNCTION, "idle.ts": "export default () => {};" });
  await using data = await folder();
  const env = { BROKER: "embedded", BROKER_PORT: "0", BROKER_WS_PORT: "0", WARREN_DATA: data.path, MAIL_HOST: "mail" };
  await using runner = await startServing({
    functionsDir: functions.path,
    args: ["start", "--learn-permissions"],
    env,
  });
  await runner.waitForLog(({ message }) => message.includes("every function may do everything"));
  assertEquals(await post(runner, "curious", "1"), 202);
  await runner.waitForLog(({ message, function: name }) =>
    name === "curious" && message === 'asks for env "MAIL_HOST"'
  );
  runner.kill("SIGTERM");
  const { message } = await runner.waitForLog(({ message }) => message.startsWith("so far it needs"));
  assertEquals(message, 'so far it needs permissions: { env: ["MAIL_HOST"], read: ["/etc/hostname"] }');
  assertEquals((await runner.status).code, 0);
});
